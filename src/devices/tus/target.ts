import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { checksumOf } from '../../local/digest.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
} from '../../ports.js';
import { pollAvailability } from '../availability.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import { UploadBody, watchedBytes } from '../web-client/body.js';
import type { WebClient, WebReply, WebRequest } from '../web-client/client.js';
import type { RequestScope } from '../web-client/scope.js';
import type { UploadList } from '../upload-list.js';

const PROBE_INTERVAL_MS = 15_000;
const VERSION = { 'Tus-Resumable': '1.0.0' };

export interface TusSite {
  /** Where uploads are created. */
  readonly url: URL;
  /** Templates. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What the server has of an upload; bytes. */
interface Progress {
  readonly url: URL;
  readonly offset: number;
  readonly length: number;
}

interface Found extends Progress {
  readonly token: string;
}

type Request = Pick<WebRequest, 'headers' | 'body' | 'streamed'>;

/**
 * The tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload): creation, PATCH, HEAD, termination. A server names its uploads
 * itself, so their addresses are recorded here, before the first byte is sent. A file is there with its last byte; the protocol has
 * no checksum that servers compute, and the SHA-256 goes along in the metadata.
 */
export class TusTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 2,
    resume: true,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
  readonly availability: Observable<Availability>;
  readonly #site: TusSite;
  readonly #client: WebClient;
  readonly #list: UploadList;
  readonly #device: string;
  readonly #closed = new AbortController();

  constructor(site: TusSite, client: WebClient, list: UploadList, { name, clock, random }: DeviceContext) {
    this.#site = site;
    this.#client = client;
    this.#list = list;
    this.#device = name;
    const polling = { clock, random, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    const scope = this.#scope('stat', path, signal);
    const found = await this.#found(path, scope);
    if (!found) return { partial: 0 };
    if (found.offset === found.length) return { size: found.length, partial: 0 };
    return { partial: found.token === token ? found.offset : 0 };
  }

  /** Reads a finished file back, which most servers allow although the protocol does not have it. */
  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    const scope = this.#scope('checksum', path, signal);
    const found = await this.#found(path, scope);
    if (!found || found.offset !== found.length)
      throw this.#client.error('not-found', `has no file ${path}`, scope.details);
    const reply = await this.#ask('GET', found.url, { streamed: true }, scope);
    if (reply.status !== 200) throw this.#client.error('unsupported', `${NOT_SERVED} ${path}`, scope.details);
    const { clock, timeout: limit } = this.#client;
    try {
      return await checksumOf(watchedBytes(reply.stream, { limit, clock, signal }), 'sha256');
    } catch (error) {
      throw this.#client.explain(error, signal, scope.details);
    }
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const scope = this.#scope('write', path, signal);
    const { size } = file.source;
    const upload = await this.#resumed(file, path, offset, scope);
    let committed: Promise<void> | undefined;
    const beforeLast = (): Promise<void> => (committed ??= events.committing());
    const sending = { device: this.#device, progress: (sent: number) => events.progress(sent), beforeLast };
    // An empty file is there as soon as it is created: its source is read before that.
    if (size === 0) await drained(outgoingBytes(file, 0, sending));
    const url = upload ?? (await this.#create(file, path, scope));
    // An empty PATCH behind the last byte would report the file a second time to what waits for it there.
    if (offset < size)
      await this.#patch(url, new UploadBody(outgoingBytes(file, offset, sending)), [offset, size], scope);
    await beforeLast();
    const found = await this.#progressOf(url.href, path, scope);
    if (found?.offset === size && found.length === size) return { location: url.href, verified: 'size' };
    throw this.#client.error(
      'corrupt',
      `has ${found?.offset ?? 'no'} bytes of the ${size} of ${path}`,
      scope.details,
    );
  }

  /** Where uploads cannot be deleted, the server is only asked what it supports. */
  async probe(signal: AbortSignal): Promise<void> {
    const scope = { signal, details: { device: this.#device, operation: 'probe' } };
    throwIfAborted(signal, scope.details);
    const extensions = await this.#extensions(scope);
    if (!extensions.includes('termination')) return;
    const created = await this.#createAt({ filename: '.filesync-probe' }, 1, scope);
    await this.#terminate(created, scope);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.close();
  }

  async #probe(signal: AbortSignal): Promise<Availability> {
    await this.#extensions({ signal, details: { device: this.#device, operation: 'probe' } });
    return { available: true, reason: `${this.#site.url.host} speaks tus`, armed: false };
  }

  async #extensions(scope: RequestScope): Promise<string[]> {
    const reply = await this.#ask('OPTIONS', this.#site.url, {}, scope);
    if (reply.status >= 300) throw this.#client.refusal(reply, scope.details);
    if (reply.header('tus-version') === undefined)
      throw this.#client.error('protocol', 'does not speak tus there: check url', scope.details);
    const extensions = (reply.header('tus-extension') ?? '').split(/\s*,\s*/);
    if (extensions.includes('creation')) return extensions;
    throw this.#client.error(
      'unsupported',
      'cannot create uploads: allow the tus extension creation',
      scope.details,
    );
  }

  /** The address of the upload that is to be resumed; undefined if it is to be created. Throws `exists` for a finished one. */
  async #resumed(
    file: Outgoing,
    path: string,
    offset: number,
    scope: RequestScope,
  ): Promise<URL | undefined> {
    const found = await this.#found(path, scope);
    if (found && found.offset === found.length)
      throw this.#client.error('exists', `has a file ${path} already`, scope.details);
    const isSame = isPartOf(file, offset, found);
    if (found && isSame && !file.readBack) return found.url;
    if (found) await this.#terminate(found.url, scope);
    await this.#list.delete(path);
    if (offset > 0) throw this.#notResumed(isSame, path, scope);
    return undefined;
  }

  /** @param isSame the part is the right one, but nobody knows the hash of it */
  #notResumed(isSame: boolean, path: string, { details }: RequestScope): FileSyncError {
    const why = isSame
      ? 'cannot be asked for the bytes of an unfinished upload'
      : 'has another part of the upload';
    return this.#client.error(
      isSame ? 'corrupt' : 'changed',
      `${why}: ${path} is sent from the start`,
      details,
    );
  }

  /** A lost answer leaves an upload of which nobody knows: the server expires it. */
  async #create(file: Outgoing, path: string, scope: RequestScope): Promise<URL> {
    const own = Object.entries(this.#site.metadata).map(([name, text]) => [name, file.render(text)] as const);
    const { sha256 } = file;
    const facts = { filename: posix.basename(path), path, ...(sha256 !== undefined && { sha256 }) };
    const url = await this.#createAt({ ...facts, ...Object.fromEntries(own) }, file.source.size, scope);
    await this.#list.put({ path, token: file.token, url: url.href });
    return url;
  }

  async #createAt(
    metadata: Readonly<Record<string, string>>,
    size: number,
    scope: RequestScope,
  ): Promise<URL> {
    const pairs = Object.entries(metadata).map(
      ([name, text]) => `${name} ${Buffer.from(text).toString('base64')}`,
    );
    const headers = {
      'Upload-Length': String(size),
      'Upload-Metadata': pairs.join(','),
      'Content-Length': '0',
    };
    const reply = await this.#ask('POST', this.#site.url, { headers }, scope);
    if (reply.status !== 201) throw this.#client.refusal(reply, scope.details);
    return this.#uploadAt(reply.header('location'), scope);
  }

  /** Behind a proxy that ends TLS, servers name addresses with http; no other host is told what is meant for this one. */
  #uploadAt(location: string | undefined, { details }: RequestScope): URL {
    const { url } = this.#site;
    const named =
      location === undefined || !URL.canParse(location, url.href) ? undefined : new URL(location, url.href);
    if (named?.hostname === url.hostname) return new URL(named.pathname + named.search, url.origin);
    const what = `created an upload at ${named?.host ?? 'no address'}: let it name its own public address (tusd: -behind-proxy)`;
    throw this.#client.error('protocol', what, details);
  }

  async #patch(
    url: URL,
    body: UploadBody,
    [offset, size]: [number, number],
    scope: RequestScope,
  ): Promise<void> {
    const headers = {
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': String(size - offset),
      'Upload-Offset': String(offset),
    };
    try {
      const reply = await this.#ask('PATCH', url, { headers, body: body.stream }, scope);
      // The upload has expired since it was asked for.
      const status = reply.status === 404 ? GONE : reply.status;
      if (status !== 204 && status !== 200) throw this.#client.refusal({ ...reply, status }, scope.details);
    } catch (error) {
      throw body.failure === undefined || scope.signal.aborted ? error : body.failure;
    } finally {
      body.close();
    }
  }

  /** The upload of that path which was recorded. */
  async #found(path: string, scope: RequestScope): Promise<Found | undefined> {
    const known = await this.#list.get(path);
    const progress = known && (await this.#progressOf(known.url, path, scope));
    return progress && { ...progress, token: known.token };
  }

  /** Undefined for an upload that has expired or was deleted, which is forgotten. */
  async #progressOf(address: string, path: string, scope: RequestScope): Promise<Progress | undefined> {
    const url = new URL(address);
    // The device may have been moved to another server.
    const reply = url.origin === this.#site.url.origin ? await this.#ask('HEAD', url, {}, scope) : undefined;
    if (!reply || reply.status === 404 || reply.status === GONE) {
      await this.#list.delete(path);
      return undefined;
    }
    if (reply.status >= 300) throw this.#client.refusal(reply, scope.details);
    const [offset, length] = ['upload-offset', 'upload-length'].map(name =>
      Number(reply.header(name) ?? NaN),
    );
    if (offset !== undefined && length !== undefined && offset <= length) return { url, offset, length };
    throw this.#client.error('protocol', 'does not say how much it has of the upload', scope.details);
  }

  /** An upload that cannot be deleted expires. */
  async #terminate(url: URL, scope: RequestScope): Promise<void> {
    await this.#ask('DELETE', url, {}, scope);
  }

  #ask(method: string, url: URL, request: Request, scope: RequestScope): Promise<WebReply> {
    const headers = { ...VERSION, ...request.headers };
    return this.#client.ask({ method, names: [], url, ...request, headers, ...scope });
  }

  #scope(operation: string, path: string, signal: AbortSignal): RequestScope {
    const details: ErrorDetails = { device: this.#device, operation, path };
    throwIfAborted(signal, details);
    checkTargetPath(path, details);
    return { signal, details };
  }
}

const GONE = 410;
const NOT_SERVED = 'does not serve finished uploads (GET): allow that there, or look yourself whether it has';

/** Whether the upload is the beginning of the file, up to the offset. */
const isPartOf = ({ token, source }: Outgoing, offset: number, found: Found | undefined): boolean =>
  offset > 0 && found?.token === token && found.length === source.size && found.offset === offset;

async function drained(bytes: ByteStream): Promise<void> {
  for await (const chunk of bytes) void chunk;
}
