import type { ByteStream } from '../ports.js';
import { MAX_DATA } from './ftp-payload.js';
import { changed, type RemoteFile } from './remote-file.js';

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

/** One request at a time: 239 bytes a round trip. */
export const stopAndWait: ReadStrategy = {
  async *read(file, { path, offset, end }, signal) {
    for (let at = offset; at < end;) {
      const chunk = await file.read(at, Math.min(MAX_DATA, end - at), signal);
      if (chunk.length === 0) throw changed(path);
      at += chunk.length;
      yield chunk;
    }
  },
};
