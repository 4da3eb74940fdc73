import type { Observable } from 'rxjs';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Source,
  SourceCapabilities,
  SourceFile,
  Space,
} from '../../ports.js';
import { pollAvailability } from '../availability.js';
import { isUnfinishedUpload } from '../part-names.js';
import { FileLimit, MAX_FILES, type ListingGaps } from '../listing-gaps.js';
import { isSameVersion } from '../same-version.js';
import { watchedBytes } from '../web-client/body.js';
import type { WebClient, WebReply } from '../web-client/client.js';
import { contentOf, quotaOf, statOf, type Resource } from './folder.js';
import type { RequestScope } from '../web-client/scope.js';
import { isStrongEtag } from './multistatus.js';

/** Folders that are nested more deeply are taken for a loop of links. */
const MAX_DEPTH = 100;

/** Apache has a strong ETag a second after a change, whose time is rounded to seconds. */
const STRONG_ETAG_DELAY_MS = 2000;

const PROBE_INTERVAL_MS = 15_000;

/**
 * Files on a WebDAV server. Times in HTTP have a resolution of a second: a change within the same second that keeps the
 * size is detected only by a strong ETag (Apache sends one, nginx does not).
 */
export class DavSource implements Source {
  readonly capabilities: SourceCapabilities = {
    ...{ connections: 2, smallFiles: 4, resume: true, checksum: false, remove: true },
  };
  readonly availability: Observable<Availability>;
  readonly #client: WebClient;
  readonly #device: string;
  readonly #maxFiles: number;
  readonly #closed = new AbortController();

  constructor(client: WebClient, device: string, maxFiles = MAX_FILES) {
    this.#client = client;
    this.#maxFiles = maxFiles;
    this.#device = device;
    const polling = { clock: client.clock, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async *list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const details = this.#details('list');
    throwIfAborted(signal, details);
    const gaps = this.#client.newGaps();
    const limit = new FileLimit(this.#maxFiles, details);
    const folders: (readonly string[])[] = [[]];
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      if (folder.length > MAX_DEPTH) throw this.#client.error('protocol', 'has a loop of folders', details);
      for await (const found of this.#content(folder, gaps, signal, details)) {
        throwIfAborted(signal, details);
        limit.add();
        if (found.folder) folders.push(found.names);
        else if (!isUnfinishedUpload(found.names.at(-1) ?? '')) yield fileOf(found);
      }
    }
    gaps.throwIfAny(what => this.#client.error('denied', what, details));
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const details = this.#details('read', file);
    throwIfAborted(signal, details);
    if (offset > file.size) throw this.#changed(file, details);
    if (offset === file.size && offset > 0) await this.#checkSame(file, undefined, signal, details);
    else yield* this.#readFrom(file, offset, signal, details);
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    const details = this.#details('checksum', file);
    throwIfAborted(signal, details);
    throw this.#client.error('unsupported', 'computes no checksums', details);
  }

  /** The request has a condition, by which the server deletes only the version that was found right before. */
  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    const details = this.#details('remove', file);
    throwIfAborted(signal, details);
    const names = namesOf(file);
    const found = await this.#withStrongEtag(names, { signal, details });
    if (!found) return this.#missing(file, signal, details).then(error => throwUnlessMissing(error));
    if (found.folder || !isSameVersion(file, found)) throw this.#changed(file, details);
    const headers = conditionsOn(file, found.strongEtag);
    const reply = await this.#client.ask({ method: 'DELETE', names, headers, signal, details });
    if (reply.status === 404) return;
    if (reply.status === 412) throw this.#changed(file, details);
    if (reply.status === 207 || reply.status >= 300) throw this.#client.refusal(reply, details);
  }

  /** Rejects with `unsupported` if the server does not report the space, as Apache and nginx. */
  async space(signal: AbortSignal): Promise<Space> {
    const details = this.#details('stat');
    throwIfAborted(signal, details);
    const space = await quotaOf(this.#client, { signal, details });
    if (!space) throw this.#noRoot(details);
    if (space !== 'unknown') return space;
    throw this.#client.error('unsupported', 'does not report its free space', details);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.close();
  }

  async #probe(signal: AbortSignal): Promise<Availability> {
    const details = this.#details('probe');
    const root = await statOf(this.#client, [], { signal, details });
    if (root?.folder) return { available: true, reason: `${this.#client.url.host}: login ok`, armed: false };
    throw this.#noRoot(details);
  }

  /**
   * Within a second after a change, Apache's ETag is weak, which is not valid in a condition, and If-Unmodified-Since is
   * compared with the server's clock.
   */
  async #withStrongEtag(names: readonly string[], scope: RequestScope): Promise<Resource | undefined> {
    const { clock } = this.#client;
    const found = await statOf(this.#client, names, scope);
    if (!found?.hasWeakEtag || Math.abs(clock.now() - (found.modified ?? 0)) > STRONG_ETAG_DELAY_MS)
      return found;
    await clock.sleep(STRONG_ETAG_DELAY_MS, scope.signal);
    return statOf(this.#client, names, scope);
  }

  /** A folder that was removed after it was listed has no files. One that may not be listed does not hide the others. */
  async *#content(
    folder: readonly string[],
    gaps: ListingGaps,
    signal: AbortSignal,
    details: ErrorDetails,
  ): AsyncGenerator<Resource, void> {
    try {
      const found = await contentOf(this.#client, folder, { signal, details });
      if (!found && folder.length === 0) throw this.#noRoot(details);
      for await (const entry of found ?? []) {
        if ('why' in entry) gaps.add(entry.why);
        else yield entry;
      }
    } catch (error) {
      const isClosed = error instanceof FileSyncError && error.kind === 'denied';
      if (!isClosed || folder.length === 0) throw error;
      gaps.add(`/${folder.join('/')} is not listed: ${error.message}`);
    }
  }

  async *#readFrom(file: SourceFile, offset: number, signal: AbortSignal, details: ErrorDetails): ByteStream {
    const reply = await this.#get(file, offset, signal, details);
    const etag = reply.header('etag');
    const { timeout: limit, clock } = this.#client;
    let position = reply.status === 206 ? offset : 0;
    try {
      for await (const chunk of watchedBytes(reply.stream, { limit, clock, signal })) {
        const skipped = Math.max(0, offset - position);
        position += chunk.length;
        if (position > file.size) throw this.#changed(file, details);
        if (skipped < chunk.length) yield chunk.subarray(skipped);
      }
    } catch (error) {
      if (!signal.aborted) await this.#checkSame(file, etag, signal, details);
      throw this.#client.explain(error, signal, details);
    }
    await this.#checkSame(file, etag, signal, details);
    if (position !== file.size)
      throw this.#client.error('io', `sent fewer bytes of ${file.path} than it has`, details);
  }

  /** The answer with the listed version of the file, from the offset on or whole. Throws `changed` for another version. */
  async #get(
    file: SourceFile,
    offset: number,
    signal: AbortSignal,
    details: ErrorDetails,
  ): Promise<WebReply> {
    const headers = { ...conditionsOn(file), ...(offset > 0 && { Range: `bytes=${offset}-` }) };
    const names = namesOf(file);
    const reply = await this.#client.ask({ method: 'GET', names, headers, streamed: true, signal, details });
    await this.#checkServed(reply, file, signal, details);
    if (startsAt(reply, offset) && isSameVersion(file, versionIn(reply))) return reply;
    reply.stream.destroy();
    throw this.#changed(file, details);
  }

  async #checkSame(
    file: SourceFile,
    etag: string | undefined,
    signal: AbortSignal,
    details: ErrorDetails,
  ): Promise<void> {
    const reply = await this.#client.ask({ method: 'HEAD', names: namesOf(file), signal, details });
    await this.#checkServed(reply, file, signal, details);
    const now = reply.header('etag');
    const other = isStrongEtag(etag) && isStrongEtag(now) && now !== etag;
    if (other || !isSameVersion(file, versionIn(reply))) throw this.#changed(file, details);
  }

  /** Throws unless the server has such a file. */
  async #checkServed(
    reply: WebReply,
    file: SourceFile,
    signal: AbortSignal,
    details: ErrorDetails,
  ): Promise<void> {
    const { status } = reply;
    if (status === 200 || status === 206) return;
    if (status === 404 || status === 410) throw await this.#missing(file, signal, details);
    if (status === 412 || status === 416) throw this.#changed(file, details);
    throw this.#client.refusal(reply, details);
  }

  /**
   * A file counts as removed only if the root exists (the server's disk may be unmounted), and if the file is not listed: servers
   * answer so for types of files that they do not serve.
   */
  async #missing(file: SourceFile, signal: AbortSignal, details: ErrorDetails): Promise<FileSyncError> {
    if (await statOf(this.#client, namesOf(file), { signal, details })) {
      const what = `lists ${file.path} and does not serve it (404): allow files of that type there (IIS: MIME types, request filtering)`;
      return this.#client.error('denied', what, details);
    }
    const root = await statOf(this.#client, [], { signal, details });
    return root
      ? this.#client.error('not-found', `no longer has ${file.path}`, details)
      : this.#noRoot(details);
  }

  #noRoot(details: ErrorDetails): FileSyncError {
    const path = decodeURI(this.#client.url.pathname);
    return this.#client.error(
      'unavailable',
      `has no folder ${path}: check url, and the disk behind it`,
      details,
    );
  }

  #changed({ path }: SourceFile, details: ErrorDetails): FileSyncError {
    return this.#client.error(
      'changed',
      `has another version of ${path}: it changed after it was listed`,
      details,
    );
  }

  #details(operation: string, file?: SourceFile): ErrorDetails {
    return { device: this.#device, operation, ...(file && { path: file.path }) };
  }
}

const namesOf = ({ path }: SourceFile): string[] => path.split('/');

function throwUnlessMissing(error: FileSyncError): void {
  if (error.kind !== 'not-found') throw error;
}

function fileOf({ names, size, modified }: Resource): SourceFile {
  return { path: names.join('/'), size, ...(modified !== undefined && { modified }) };
}

/** Headers with which a server serves or deletes only this version (RFC 9110 section 13.1). */
function conditionsOn({ modified }: SourceFile, etag?: string): Record<string, string> {
  if (etag !== undefined) return { 'If-Match': etag };
  return modified === undefined ? {} : { 'If-Unmodified-Since': new Date(modified).toUTCString() };
}

/** Whether the answer is whole, or the part from the offset on. */
const startsAt = ({ status, header }: WebReply, offset: number): boolean =>
  status === 200 || (header('content-range') ?? '').startsWith(`bytes ${offset}-`);

function versionIn({ status, header }: WebReply): Pick<SourceFile, 'modified'> & { readonly size?: number } {
  const size =
    status === 206 ? /\/(\d+)$/.exec(header('content-range') ?? '')?.[1] : header('content-length');
  const modified = Date.parse(header('last-modified') ?? '');
  return {
    ...(size !== undefined && { size: Number(size) }),
    ...(Number.isFinite(modified) && { modified }),
  };
}
