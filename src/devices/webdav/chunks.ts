import { createHash } from 'node:crypto';
import type { ErrorDetails } from '../../errors.js';
import type { ByteStream } from '../../ports.js';
import { isSamePath, namesIn } from '../web-client/address.js';
import { Slicer, UploadBody } from '../web-client/body.js';
import type { WebClient, WebReply, WebRequest } from '../web-client/client.js';
import { PROPERTIES, readMultistatus } from './multistatus.js';
import type { RequestScope } from '../web-client/scope.js';

// Chunked upload of Nextcloud (version 2; developer manual, "Chunked file upload") and of ownCloud: chunks with the names 1 to
// 10000 go into a folder of `uploads/USER`, and a MOVE of its `.file` assembles them. Each request names the destination.

/** Behind any proxy that limits a request; Nextcloud asks for 5 MB at least. */
export const CHUNK_BYTES = 10 * 1024 * 1024;
const MAX_CHUNKS = 10_000;

/** `…/remote.php/dav/files/USER/…`. */
const FILES = /^(.*\/remote\.php\/dav)\/files\/([^/]+)(?:\/|$)/;

/** Answers to MKCOL by servers that have no such uploads, as ownCloud Infinite Scale. */
const UNSUPPORTED: readonly number[] = [403, 404, 405, 409, 501];

/** One file on its way. */
export interface ChunkedFile {
  /** Names the bytes and the place that they go to. */
  readonly id: string;
  /** Of the assembled file. */
  readonly destination: URL;
  /** Bytes. */
  readonly size: number;
}

export class ChunkedUploads {
  readonly #client: WebClient;
  /** Of the user's folder of uploads, without a slash at its end. */
  readonly #root: string;
  readonly #chunkBytes: number;

  /** Undefined unless the address is one of Nextcloud's or ownCloud's. */
  static on(client: WebClient, chunkBytes = CHUNK_BYTES): ChunkedUploads | undefined {
    const [, dav, user] = FILES.exec(client.url.pathname) ?? [];
    if (dav === undefined || user === undefined) return undefined;
    return new ChunkedUploads(client, `${dav}/uploads/${user}`, chunkBytes);
  }

  private constructor(client: WebClient, root: string, chunkBytes: number) {
    this.#client = client;
    this.#root = root;
    this.#chunkBytes = chunkBytes;
  }

  /** Whether a file of that size goes in chunks. */
  takes(size: number): boolean {
    return size > this.#chunkBytes;
  }

  /** The same for the same bytes and place, so that another process finds what this one has sent. */
  idOf(path: string, token: string): string {
    const place = this.#client.urlOf(path.split('/')).pathname;
    return createHash('sha256').update(`${token} ${place}`).digest('hex').slice(0, 32);
  }

  /** Bytes of the chunks that the server holds, from the first one on without a gap. */
  async held(id: string, { signal, details }: RequestScope): Promise<number> {
    const sizes = await this.#sizes(id, { signal, details });
    let bytes = 0;
    for (let number = 1; number <= sizes.size; number++) {
      const size = sizes.get(number);
      if (size === undefined) break;
      bytes += size;
    }
    return bytes;
  }

  /**
   * Sends the file's bytes from `offset` on, which `bytes` opens; at 0 whatever was sent before is dropped. Returns false if the
   * server has no such uploads, and rejects with `changed` unless its chunks end at `offset`.
   */
  async send(
    file: ChunkedFile,
    offset: number,
    bytes: () => ByteStream,
    scope: RequestScope,
  ): Promise<boolean> {
    if (offset === 0 && !(await this.#begin(file, scope))) return false;
    if (offset > 0) await this.#check(file, offset, scope);
    if (offset < file.size) await this.#putAll(file, offset, bytes(), scope);
    return true;
  }

  /** The file that the server makes of the chunks when it is moved. */
  assembled({ id, size }: ChunkedFile): Pick<WebRequest, 'names' | 'url' | 'headers'> {
    return { names: [], url: this.#urlOf(id, '.file'), headers: { 'OC-Total-Length': String(size) } };
  }

  async discard(id: string, scope: RequestScope): Promise<void> {
    await this.#ask('DELETE', this.#urlOf(id), {}, scope);
  }

  /** Makes the folder of a file, without what an earlier upload has left there. Returns false if the server has no such uploads. */
  async #begin(file: ChunkedFile, scope: RequestScope): Promise<boolean> {
    const make = () => this.#ask('MKCOL', this.#urlOf(file.id), this.#headers(file), scope);
    let reply = await make();
    if (reply.status === 405) {
      await this.discard(file.id, scope);
      reply = await make();
    }
    if (reply.status < 300) return true;
    if (UNSUPPORTED.includes(reply.status)) return false;
    throw this.#client.refusal(reply, scope.details);
  }

  async #check({ id, size }: ChunkedFile, offset: number, scope: RequestScope): Promise<void> {
    const held = await this.held(id, scope);
    const isBoundary = offset === size || offset % this.#lengthFor(size) === 0;
    if (held === offset && isBoundary) return;
    await this.discard(id, scope);
    const what = `has ${held} bytes of the partial upload in chunks, not ${offset}: it is sent again from the start`;
    throw this.#client.error('changed', what, scope.details);
  }

  async #putAll(file: ChunkedFile, offset: number, bytes: ByteStream, scope: RequestScope): Promise<void> {
    const slicer = new Slicer(bytes);
    const length = this.#lengthFor(file.size);
    try {
      for (let at = offset; at < file.size; at += length)
        await this.#put(file, at / length + 1, Math.min(length, file.size - at), slicer, scope);
      await slicer.end();
    } finally {
      slicer.close();
    }
  }

  async #put(
    file: ChunkedFile,
    number: number,
    length: number,
    slicer: Slicer,
    { signal, details }: RequestScope,
  ): Promise<void> {
    const body = new UploadBody(slicer.take(length));
    const url = this.#urlOf(file.id, String(number).padStart(5, '0'));
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(length),
      ...this.#headers(file),
    };
    try {
      await this.#client.send({ method: 'PUT', names: [], url, headers, body: body.stream, signal, details });
    } catch (error) {
      throw body.failure === undefined || signal.aborted ? error : body.failure;
    } finally {
      body.close();
    }
  }

  async #sizes(id: string, scope: RequestScope): Promise<ReadonlyMap<number, number>> {
    const url = this.#urlOf(id);
    const headers = { 'Content-Type': 'application/xml; charset=utf-8', Depth: '1' };
    const request = { method: 'PROPFIND', names: [], url, headers, body: PROPERTIES, streamed: true };
    const reply = await this.#client.ask({ ...request, ...scope });
    const sizes = new Map<number, number>();
    if (reply.status !== 207) {
      reply.stream.destroy();
      return sizes;
    }
    const folder = namesIn(url.pathname);
    for await (const entry of readMultistatus(this.#client.textOf(reply, scope), this.#client.url)) {
      if ('why' in entry || entry.folder || !isSamePath(entry.names.slice(0, -1), folder)) continue;
      const name = entry.names.at(-1) ?? '';
      if (/^\d{5}$/.test(name)) sizes.set(Number(name), entry.size);
    }
    return sizes;
  }

  /** A file that would have too many chunks has larger ones. */
  #lengthFor(size: number): number {
    return this.#chunkBytes * Math.ceil(size / MAX_CHUNKS / this.#chunkBytes);
  }

  #headers({ destination, size }: ChunkedFile): Record<string, string> {
    return { Destination: destination.href, 'OC-Total-Length': String(size) };
  }

  #urlOf(...names: string[]): URL {
    return new URL(`${this.#client.url.origin}${[this.#root, ...names].join('/')}`);
  }

  #ask(
    method: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
    scope: { readonly signal: AbortSignal; readonly details: ErrorDetails },
  ): Promise<WebReply> {
    return this.#client.ask({ method, names: [], url, headers, ...scope });
  }
}
