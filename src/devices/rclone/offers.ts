import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished, pipeline } from 'node:stream/promises';
import { FileSyncError } from '../../errors.js';
import type { ByteStream } from '../../ports.js';
import { UploadBody } from '../web-client/body.js';

/** A file that is offered to rclone. */
export interface Offered {
  /** Bytes. */
  readonly size: number;
  /** ms since the Unix epoch. */
  readonly modified?: number | undefined;
  /** Called for each request: from the beginning of the file. */
  bytes(): ByteStream;
}

/** An offer that stands until it is closed. */
export interface Offer {
  readonly url: string;
  /** The error with which the bytes ended early. */
  readonly failure: unknown;
  /** Whoever reads it then gets too few bytes, and finds that out. */
  close(): void;
}

/**
 * A small server on the loopback address, at which rclone fetches what it is to upload (`operations/copyurl`): so the size is known to
 * it, nothing needs a place on a disk, and its own pace is that of the source. Each address is a secret that serves one upload.
 */
export class Offers {
  readonly #open = new Map<string, OpenOffer>();
  #server: Promise<Server> | undefined;

  async add(offered: Offered): Promise<Offer> {
    const server = await (this.#server ??= listening((request, response) => this.#serve(request, response)));
    const name = randomBytes(16).toString('hex');
    const { port } = server.address() as AddressInfo;
    const offer = new OpenOffer(`http://127.0.0.1:${port}/${name}`, offered, () => this.#open.delete(name));
    this.#open.set(name, offer);
    return offer;
  }

  async close(): Promise<void> {
    for (const offer of this.#open.values()) offer.close();
    const server = await this.#server?.catch(() => undefined);
    server?.closeAllConnections();
    server?.close();
  }

  #serve({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const offer = this.#open.get(url.slice(1));
    if (method === 'GET' && offer) void offer.serve(response);
    else response.writeHead(404).end();
  }
}

class OpenOffer implements Offer {
  readonly url: string;
  readonly #offered: Offered;
  readonly #forget: () => void;
  #serving: { readonly body: UploadBody; readonly response: ServerResponse } | undefined;
  failure: unknown;

  constructor(url: string, offered: Offered, forget: () => void) {
    this.url = url;
    this.#offered = offered;
    this.#forget = forget;
  }

  async serve(response: ServerResponse): Promise<void> {
    this.#stop();
    const { size, modified } = this.#offered;
    const body = new UploadBody(this.#offered.bytes());
    this.#serving = { body, response };
    response.on('error', ignore);
    try {
      // An empty file is whole with the header: its source is read before that.
      if (size === 0) await finished(body.stream.resume());
      response.writeHead(200, {
        'Content-Length': size,
        'Content-Type': 'application/octet-stream',
        Connection: 'close',
        ...(modified !== undefined && { 'Last-Modified': new Date(modified).toUTCString() }),
      });
      if (size === 0) response.end();
      else await pipeline(body.stream, response);
    } catch {
      response.destroy();
    } finally {
      this.failure ??= body.failure;
      body.close();
    }
  }

  close(): void {
    this.#forget();
    this.#stop();
  }

  #stop(): void {
    this.#serving?.body.close();
    this.#serving?.response.destroy();
  }
}

async function listening(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(serve);
  // A slow link takes hours for a file.
  server.requestTimeout = 0;
  server.timeout = 0;
  server.listen(0, '127.0.0.1').unref();
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new FileSyncError('busy', 'no port of the loopback address is free for rclone', { cause });
  }
  return server;
}

function ignore(): void {}
