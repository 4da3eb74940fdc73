import type { ByteStream } from '../ports.js';
import type { RemoteFile } from './remote-file.js';

/** A part of a file. */
export interface Span {
  /** For messages. */
  readonly path: string;
  readonly offset: number;
  /** Offset of the first byte after the part. */
  readonly end: number;
}

/** How the bytes of an open file are read. */
export interface ReadStrategy {
  /** All bytes of the span in order; none before its offset is requested. Throws `changed` if the file ends early. */
  read(file: RemoteFile, span: Span, signal: AbortSignal): ByteStream;
}
