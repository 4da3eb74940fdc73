import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../ports.js';

// What has been written has not been sent: the kernel takes megabytes at once, for which a slow link needs minutes.
// How much still waits for the other side's confirmation stands in /proc/net (Linux; elsewhere it counts as nothing).

/** ms between two looks at a queue that is to become empty, at the most: a fast link has emptied it after one or two. */
const POLL_INTERVAL_MS = 20;

/**
 * Resolves when the other side has confirmed all that was written (its TCP, not its program), or is gone. Breaks the
 * connection if it confirms nothing for `limit` ms.
 */
export async function flushed(socket: Socket, limit: number, clock: Clock): Promise<void> {
  const done = new AbortController();
  breakWhenIdle(socket, limit, clock, done.signal).catch(ignore);
  for (let pace = 1; !socket.destroyed && (await waitingBytes(socket)) > 0; pace *= 2) {
    await clock.sleep(Math.min(pace, POLL_INTERVAL_MS));
  }
  done.abort();
}

/**
 * Breaks the connection with ETIMEDOUT when no byte has moved on it for `limit` ms (noticed within twice that time);
 * ends with the signal.
 */
export async function breakWhenIdle(
  socket: Socket,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let before = NaN, now = await movedBytes(socket); now !== before; now = await movedBytes(socket)) {
    before = now;
    await clock.sleep(limit, signal);
  }
  if (!signal.aborted) socket.destroy(silence());
}

/** The error of a connection on which nothing moves. */
export const silence = (): Error => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });

async function movedBytes(socket: Socket): Promise<number> {
  return socket.bytesRead + socket.bytesWritten - (await waitingBytes(socket));
}

/** What Node holds and what the kernel holds: tx_queue in its tables of connections (proc(5)), found by the two ports. */
async function waitingBytes({ localPort = 0, remotePort = 0, writableLength }: Socket): Promise<number> {
  const port = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`:${port(localPort)} [0-9A-F]+:${port(remotePort)} [0-9A-F]{2} ([0-9A-F]+):`);
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readTable));
  const [, queue = '0'] = tables.map(table => row.exec(table)).find(found => found !== null) ?? [];
  return writableLength + parseInt(queue, 16);
}

const readTable = (path: string): Promise<string> => readFile(path, 'latin1').catch(() => '');

/** The end of a watch. */
function ignore(): void {}
