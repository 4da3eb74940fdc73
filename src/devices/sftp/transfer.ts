import type { ByteStream } from '../../ports.js';
import { hasStatus, STATUS } from './errors.js';
import type { SftpSession } from './session.js';

/** Bytes that are on their way at once: what a link of 100 Mbit/s with a round trip of 160 ms holds. */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;
/** Requests at once, however small. */
const MAX_IN_FLIGHT = 64;

/**
 * Writes the bytes from `offset` on, many requests at once and all in their order: a server handles them so
 * (draft-ietf-secsh-filexfer-02 section 6.1), and after a crash the file has no holes. Where the bytes end with an error, those that
 * are on their way still arrive.
 */
export async function writeInOrder(
  session: SftpSession,
  handle: Buffer,
  bytes: ByteStream,
  offset: number,
  written: (chunk: Uint8Array) => void,
): Promise<void> {
  const requests = new InFlight();
  let position = offset;
  try {
    for await (const chunk of bytes) {
      for (const piece of piecesOf(chunk, session.writeBytes)) {
        await requests.room(piece.length);
        requests.add(session.write(handle, piece, position), piece.length);
        position += piece.length;
      }
      written(chunk);
    }
  } finally {
    await requests.drained();
  }
}

function* piecesOf(chunk: Uint8Array, most: number): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += most) yield chunk.subarray(at, at + most);
}

interface Sent {
  readonly bytes: number;
  readonly done: Promise<void>;
}

/** Requests without an answer, oldest first. */
class InFlight {
  readonly #sent: Sent[] = [];
  #bytes = 0;

  add(done: Promise<void>, bytes: number): void {
    // An error is reported where the request is waited for.
    done.catch(ignore);
    this.#sent.push({ bytes, done });
    this.#bytes += bytes;
  }

  /** Waits until so many more bytes may be sent. */
  async room(bytes: number): Promise<void> {
    while (
      this.#sent.length >= MAX_IN_FLIGHT ||
      (this.#bytes > 0 && this.#bytes + bytes > MAX_IN_FLIGHT_BYTES)
    )
      await this.#oldest();
  }

  async drained(): Promise<void> {
    while (this.#sent.length > 0) await this.#oldest();
  }

  async #oldest(): Promise<void> {
    const sent = this.#sent.shift();
    this.#bytes -= sent?.bytes ?? 0;
    await sent?.done;
  }
}

/** The bytes from `offset` to the end of the file, or to `end`: many requests at once, in their order. */
export async function* readInOrder(
  session: SftpSession,
  handle: Buffer,
  offset: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const { readBytes } = session;
  const most = Math.min(MAX_IN_FLIGHT, Math.ceil(MAX_IN_FLIGHT_BYTES / readBytes));
  const requests: Promise<Uint8Array>[] = [];
  let position = offset;
  const ask = (): void => {
    const length = Math.min(readBytes, end - position);
    const request = readWhole(session, handle, position, length);
    request.catch(ignore);
    requests.push(request);
    position += length;
  };
  for (;;) {
    while (position < end && requests.length < most) ask();
    const next = requests.shift();
    if (!next) return;
    const bytes = await next;
    if (bytes.length === 0) return;
    yield bytes;
  }
}

/** A server may send less than it was asked for at any place; the end of the file alone makes it fewer bytes here. */
async function readWhole(
  session: SftpSession,
  handle: Buffer,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let had = 0; had < length;) {
    const part = await readPart(session, handle, position + had, length - had);
    if (part.length === 0) break;
    parts.push(part);
    had += part.length;
  }
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

async function readPart(...[session, ...rest]: Parameters<typeof readWhole>): Promise<Uint8Array> {
  try {
    return await session.read(...rest);
  } catch (error) {
    if (hasStatus(error, STATUS.EOF)) return new Uint8Array(0);
    throw error;
  }
}

function ignore(): void {}
