import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../ports.js';
import { untilTooSlow } from './pace.js';

// A write ends when the kernel has the bytes: it buffers megabytes, for which a slow link needs minutes. How many bytes
// are not yet acknowledged is read from /proc/net (Linux; elsewhere none are).

/** The longest pause between two reads of a queue's length: a fast link has emptied it after one or two. */
const MAX_POLL_INTERVAL_MS = 20;

/** Reads of a queue's length that find no connection, after which it counts as closed although Node has not noticed. */
const MAX_READS_WITHOUT_CONNECTION = 3;

/**
 * Resolves when the other side's TCP has acknowledged everything that was written. Closes the connection if nothing is
 * acknowledged for `limit` ms. Rejects with the connection's error, or ECONNRESET, when the connection is closed: what was
 * written last has not arrived then.
 */
export async function flushed(socket: Socket, limit: number, clock: Clock): Promise<void> {
  const done = new AbortController();
  closeWhenIdle(socket, limit, clock, done.signal).catch(ignore);
  try {
    await acknowledged(socket, clock);
  } finally {
    done.abort();
  }
}

async function acknowledged(socket: Socket, clock: Clock): Promise<void> {
  for (let pace = 1, missing = 0; ; pace *= 2) {
    const waiting = await unacknowledgedBytes(socket);
    if (socket.destroyed || missing === MAX_READS_WITHOUT_CONNECTION) throw socket.errored ?? resetError();
    if (waiting === 0) return;
    missing = waiting === undefined ? missing + 1 : 0;
    await clock.sleep(Math.min(pace, MAX_POLL_INTERVAL_MS));
  }
}

const resetError = (): Error => Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });

/**
 * Closes the connection with ETIMEDOUT when the other side acknowledges too little of what is sent (see `untilTooSlow`). What
 * it sends meanwhile does not count: a server could send headers or interim answers for ever. Ends with the signal.
 * @param acknowledgedBytes those of the connection so far, where the caller knows them: reading them costs two files of /proc
 */
export async function closeWhenIdle(
  socket: Socket,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
  acknowledgedBytes?: number,
): Promise<void> {
  const progress = async (): Promise<number> =>
    socket.bytesWritten - ((await unacknowledgedBytes(socket)) ?? 0);
  await untilTooSlow(progress, limit, clock, signal, acknowledgedBytes);
  socket.destroy(timeoutError());
}

/** The error of a connection on which no byte moves. */
export const timeoutError = (): Error => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });

/** Bytes that the kernel has copied. With TLS they are unknown: the counters are those of encrypted bytes. */
export function takenBytes(socket: Socket | TLSSocket | undefined): number {
  if (!socket || socket instanceof TLSSocket) return 0;
  return socket.bytesWritten - socket.writableLength;
}

/** Bytes that were received, and those that were sent and acknowledged. */
export async function movedBytes(socket: Socket): Promise<number> {
  return socket.bytesRead + socket.bytesWritten - ((await unacknowledgedBytes(socket)) ?? 0);
}

/**
 * Bytes that Node buffers, and those in the kernel's tx_queue (proc(5)), which is found by the two ports; undefined if the kernel
 * has no such connection any more.
 */
async function unacknowledgedBytes(socket: Socket): Promise<number | undefined> {
  const { localPort = 0, remotePort = 0, writableLength } = socket;
  const port = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`:${port(localPort)} [0-9A-F]+:${port(remotePort)} [0-9A-F]{2} ([0-9A-F]+):`);
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readTable));
  const [, queue] = tables.map(table => row.exec(table)).find(found => found !== null) ?? [];
  if (queue !== undefined) return writableLength + parseInt(queue, 16);
  const isReadable = localPort > 0 && tables.some(table => table !== '');
  return isReadable ? undefined : writableLength;
}

const readTable = (path: string): Promise<string> => readFile(path, 'latin1').catch(() => '');

/** Of a watch that has been aborted. */
function ignore(): void {}
