import type { Duplex } from 'node:stream';
import type { FileSyncError } from '../errors.js';
import type { Connection } from './link.js';

/** Bytes that may wait to be sent. Bytes beyond that are dropped: on a blocked link old requests are of no use. */
const MAX_BACKLOG_BYTES = 64 * 1024;

/** An open stream (a socket, a serial port) as a connection. `translate` makes the error of the cause that ended it. */
export function duplexConnection(
  stream: Duplex,
  receive: (bytes: Uint8Array) => void,
  translate: (cause?: Error) => FileSyncError,
  finish: () => Promise<void>,
): Connection {
  let closing: Promise<void> | undefined;
  stream.on('data', receive);
  const ended = new Promise<FileSyncError>(resolve => {
    stream.on('error', error => resolve(translate(error)));
    stream.once('end', () => resolve(translate()));
    stream.once('close', (error?: unknown) => resolve(translate(error instanceof Error ? error : undefined)));
  });
  return {
    together: 'stream',
    ended,
    send: bytes => {
      if (stream.writable && !closing && stream.writableLength < MAX_BACKLOG_BYTES) stream.write(bytes);
    },
    close: () => (closing ??= finish()),
  };
}
