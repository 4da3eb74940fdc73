import type { ByteStream } from '../ports.js';
import type { RemoteFile } from './remote-file.js';

/** A part of a file. */
export interface Span {
  /** For messages. */
  readonly path: string;
  readonly offset: number;
  /** Of the first byte behind it. */
  readonly end: number;
}

/** How the bytes of an open file are fetched. */
export interface ReadStrategy {
  /** All bytes of the span in order, and none before its offset is asked for. Throws `changed` if the file ends early. */
  read(file: RemoteFile, span: Span, signal: AbortSignal): ByteStream;
}
