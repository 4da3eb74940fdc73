import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { checksumOf } from '../../local/digest.js';
import type {
  Availability,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  Verification,
  WriteEvents,
} from '../../ports.js';
import { pollAvailability } from '../availability.js';
import { PART_ENDINGS, partName, type PartEnding } from '../part-names.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import { UploadBody, watchedBytes } from '../web-client/body.js';
import type { WebClient, WebReply, WebRequest } from '../web-client/client.js';
import { ChunkedUploads } from './chunks.js';
import { statOf } from './folder.js';
import type { RequestScope } from '../web-client/scope.js';
import { findPartEnding } from './part-ending.js';
import { supportsRanges } from './ranges.js';
import { PROBE_TEXT, probeByWriting, refusesName, type ProbeActs } from '../write-probe.js';

const PROBE_INTERVAL_MS = 15_000;

/** For smaller files, no request tests whether an upload could be resumed. */
const MIN_RESUMABLE_BYTES = 256 * 1024;

/** One upload in progress. */
interface Upload {
  readonly file: Outgoing;
  readonly final: readonly string[];
  readonly part: readonly string[];
  readonly offset: number;
  readonly signal: AbortSignal;
  readonly events: WriteEvents;
  readonly details: ErrorDetails;
}

/**
 * Files are uploaded as `<name>.<token>.part`, verified by size and renamed by a MOVE that replaces nothing. If the server
 * supports PUT of a part (Content-Range), uploads are resumed; most servers do not, and discard an incomplete upload.
 */
export class DavTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 2,
    resume: true,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
  readonly availability: Observable<Availability>;
  readonly #client: WebClient;
  readonly #device: string;
  readonly #closed = new AbortController();
  readonly #folders = new Set<string>();
  /** Whether the server supports PUT of a part; undefined before the first large file. */
  #ranges: boolean | undefined;
  /** Undefined before the first upload. */
  #ending: PartEnding | undefined;
  #movesByPath = false;
  /** Undefined if the server has none. */
  #chunked: ChunkedUploads | undefined;

  /** @param chunkBytes length of a chunk, where the server supports chunked uploads */
  constructor(client: WebClient, device: string, chunkBytes?: number) {
    this.#client = client;
    this.#chunked = ChunkedUploads.on(client, chunkBytes);
    this.#device = device;
    const { clock, random } = client;
    const polling = { clock, random, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    const details = this.#check('stat', path, signal);
    const found = await statOf(this.#client, path.split('/'), { signal, details });
    const partial =
      (await this.#partial(path, token, signal, details)) ||
      (await this.#inChunks(path, token, { signal, details }));
    return found && !found.folder ? { size: found.size, partial } : { partial };
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    const details = this.#check('checksum', path, signal);
    return this.#hashOf(path.split('/'), signal, details);
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const details = this.#check('write', path, signal);
    const final = path.split('/');
    await this.#prepareFolder(final, signal, details);
    const part = partName(
      path,
      file.token,
      await this.#partEnding(final, file.token, { signal, details }),
    ).split('/');
    const upload = { file, final, part, offset, signal, events, details };
    if (!(await this.#sendInChunks(upload))) await this.#sendWhole(upload);
    const verified = await this.#verify(upload);
    await events.committing();
    await this.#finish(upload);
    return { location: this.#client.urlOf(upload.final).href, verified };
  }

  /** A missing root is not made: WebDAV cannot remove a folder only if it is empty. */
  async probe(signal: AbortSignal): Promise<void> {
    const details = { device: this.#device, operation: 'probe' };
    const { clock, url } = this.#client;
    throwIfAborted(signal, details);
    if (!(await statOf(this.#client, [], { signal, details })))
      throw this.#client.error(
        'not-found',
        'has no such folder yet; it is made with the first file',
        details,
      );
    const place = { device: this.#device, root: url.pathname, option: 'url', clock };
    await probeByWriting(this.#probeActs, place, signal);
  }

  refusesName(path: string, signal: AbortSignal): Promise<boolean> {
    return refusesName(this.#probeActs, path, signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.close();
  }

  get #probeActs(): ProbeActs {
    const details = { device: this.#device, operation: 'probe' };
    return {
      write: (name, over) => this.#putProbe(name, over, details),
      rename: (from, to, over) => this.#rename([from], [to], { signal: over, details }),
      remove: (name, over) => this.#deleteProbe(name, over, details),
    };
  }

  async #putProbe(name: string, signal: AbortSignal, details: ErrorDetails): Promise<void> {
    const headers = { ...TYPE, 'Content-Length': String(PROBE_TEXT.length) };
    await this.#client.send({ method: 'PUT', names: [name], headers, body: PROBE_TEXT, signal, details });
  }

  async #deleteProbe(name: string, signal: AbortSignal, details: ErrorDetails): Promise<void> {
    const reply = await this.#client.ask({ method: 'DELETE', names: [name], signal, details });
    if (reply.status === 207 || reply.status >= 300) throw this.#client.refusal(reply, details);
  }

  async #probe(signal: AbortSignal): Promise<Availability> {
    const details = { device: this.#device, operation: 'probe' };
    const root = await statOf(this.#client, [], { signal, details });
    const { host } = this.#client.url;
    const reason = root ? `${host}: login ok` : `${host}: login ok; the folder is made with the first file`;
    return { available: true, reason, armed: false };
  }

  /** These requests also log in: the body of an upload could not be sent twice. */
  async #prepareFolder(final: readonly string[], signal: AbortSignal, details: ErrorDetails): Promise<void> {
    if (await statOf(this.#client, final, { signal, details })) throw this.#exists(final, details);
    await this.#makeFolder(final.slice(0, -1), signal, details);
  }

  async #inChunks(path: string, token: string, scope: RequestScope): Promise<number> {
    return (await this.#chunked?.held(this.#chunked.idOf(path, token), scope)) ?? 0;
  }

  /** Returns false for a file that is to be sent otherwise. */
  async #sendInChunks({ file, final, part, offset, events, signal, details }: Upload): Promise<boolean> {
    const chunked = this.#chunked;
    const { size } = file.source;
    const scope = { signal, details };
    if (!chunked?.takes(size)) return false;
    // An earlier attempt was interrupted after the server had assembled the file.
    if (offset > 0 && (await statOf(this.#client, part, scope))) return false;
    const id = chunked.idOf(final.join('/'), file.token);
    const chunkedFile = { id, destination: this.#client.urlOf(part), size };
    const sent = (bytes: number) => events.progress(bytes);
    const bytes = () => outgoingBytes(file, offset, { device: this.#device, progress: sent });
    if (!(await chunked.send(chunkedFile, offset, bytes, scope))) return this.#withoutChunks();
    const reply = await this.#move(chunked.assembled(chunkedFile), part, scope);
    // The answer to an earlier attempt may have been lost: what is there is verified next.
    if (reply.status < 300 || reply.status === 404 || reply.status === 412) return true;
    if (reply.status === 400) await chunked.discard(id, scope);
    throw this.#client.refusal(reply, details);
  }

  #withoutChunks(): false {
    this.#chunked = undefined;
    return false;
  }

  async #sendWhole(upload: Upload): Promise<void> {
    await this.#checkPartial(upload);
    await this.#send(upload);
  }

  async #checkPartial({ part, offset, signal, details }: Upload): Promise<void> {
    if (offset === 0) return;
    const there = await statOf(this.#client, part, { signal, details });
    if (there?.size === offset) return;
    const what = `has ${there?.size ?? 0} bytes of the partial upload, not ${offset}`;
    throw this.#client.error('changed', what, details);
  }

  /** Found out by a trial before the first upload. */
  async #partEnding(final: readonly string[], token: string, scope: RequestScope): Promise<PartEnding> {
    return (this.#ending ??= await findPartEnding(this.#client, final.slice(0, -1), token, scope));
  }

  async #send(upload: Upload): Promise<void> {
    const { file, offset } = upload;
    const { size } = file.source;
    if (offset === size && offset > 0) return;
    const length = { 'Content-Length': String(size - offset) };
    if (!(await this.#isResumable(upload))) return this.#put(upload, length);
    if (offset === 0) await this.#putNothing(upload);
    await this.#put(upload, { ...length, 'Content-Range': `bytes ${offset}-${size - 1}/${size}` });
  }

  /** Whether the upload is sent in a way that allows to resume it. */
  async #isResumable(upload: Upload): Promise<boolean> {
    const { file, offset } = upload;
    if (offset === 0 && file.source.size < MIN_RESUMABLE_BYTES) return false;
    this.#ranges ??= await this.#probeRanges(upload);
    if (offset > 0 && !this.#ranges) await this.#discard(upload, 'cannot resume an upload');
    return this.#ranges;
  }

  /** Makes an empty file: the server keeps the bytes of an interrupted PUT only in an existing file. */
  async #putNothing({ part: names, signal, details }: Upload): Promise<void> {
    const headers = { ...TYPE, 'Content-Length': '0' };
    await this.#client.send({ method: 'PUT', names, headers, body: '', signal, details });
  }

  async #probeRanges({ file, part, signal, details }: Upload): Promise<boolean> {
    const test = partName([...part.slice(0, -1), 'probe'].join('/'), file.token, this.#ending);
    return supportsRanges(this.#client, test.split('/'), signal, details);
  }

  async #put(upload: Upload, headers: Readonly<Record<string, string>>): Promise<void> {
    const { file, part, offset, signal, events, details } = upload;
    const progress = (sent: number) => events.progress(sent);
    const body = new UploadBody(outgoingBytes(file, offset, { device: this.#device, progress }));
    try {
      const { stream } = body;
      const all = { ...TYPE, ...headers };
      const names = part;
      await this.#client.send({ method: 'PUT', names, headers: all, body: stream, signal, details });
    } catch (error) {
      this.#folders.clear();
      throw body.failure === undefined || signal.aborted ? error : body.failure;
    } finally {
      body.close();
    }
  }

  async #verify(upload: Upload): Promise<Verification> {
    const { file, part, signal, details } = upload;
    const there = await statOf(this.#client, part, { signal, details });
    if (there?.size !== file.source.size)
      await this.#discard(upload, `has ${there?.size ?? 'no'} bytes of it`);
    if (!file.readBack) return 'size';
    const { value } = await this.#hashOf(part, signal, details);
    return value === file.sha256 ? 'hash' : this.#discard(upload, 'has other bytes of it');
  }

  /** Reads a file back. */
  async #hashOf(names: readonly string[], signal: AbortSignal, details: ErrorDetails): Promise<Checksum> {
    const { clock, timeout: limit } = this.#client;
    const reply = await this.#client.send({ method: 'GET', names, streamed: true, signal, details });
    try {
      return await checksumOf(watchedBytes(reply.stream, { limit, clock, signal }), 'sha256');
    } catch (error) {
      throw this.#client.explain(error, signal, details);
    }
  }

  /** A wrong part cannot be resumed: the next attempt starts from the beginning. */
  async #discard({ file, part, signal, details }: Upload, why: string): Promise<never> {
    await this.#client.ask({ method: 'DELETE', names: part, signal, details });
    throw this.#client.error('corrupt', `${why}: ${file.source.path} is sent again from the start`, details);
  }

  async #finish({ final, part, signal, details }: Upload): Promise<void> {
    await this.#rename(part, final, { signal, details }).catch(async (error: unknown) => {
      const isTaken = error instanceof FileSyncError && error.kind === 'exists';
      // The file is sent under another name: nothing would ever remove this part.
      if (isTaken) await this.#client.ask({ method: 'DELETE', names: part, signal, details });
      throw error;
    });
  }

  async #rename(from: readonly string[], to: readonly string[], scope: RequestScope): Promise<void> {
    const { details } = scope;
    const reply = await this.#move({ names: from }, to, scope);
    if (reply.status === 412) throw this.#exists(to, details);
    if (NO_MOVE.includes(reply.status)) throw this.#client.error('unsupported', CANNOT_MOVE, details);
    if (reply.status === 404) throw this.#client.error('changed', 'has lost the partial upload', details);
    if (reply.status === 207 || reply.status >= 300) throw this.#client.refusal(reply, details);
  }

  /**
   * Behind a proxy that ends TLS, servers take a Destination with https for one on another server (502, or 400); a path is
   * valid as well (RFC 4918 section 10.3).
   */
  async #move(from: MoveSource, to: readonly string[], scope: RequestScope): Promise<WebReply> {
    const url = this.#client.urlOf(to);
    const move = (destination: string): Promise<WebReply> => {
      const headers = { ...from.headers, Destination: destination, Overwrite: 'F' };
      return this.#client.ask({ method: 'MOVE', ...from, headers, ...scope });
    };
    if (this.#movesByPath) return move(url.pathname);
    const reply = await move(url.href);
    if (reply.status !== 502 && reply.status !== 400) return reply;
    const second = await move(url.pathname);
    this.#movesByPath = second.status < 300;
    return this.#movesByPath || second.status === 412 ? second : reply;
  }

  /** From the innermost folder outwards: folders above may not be accessible. */
  async #makeFolder(names: readonly string[], signal: AbortSignal, details: ErrorDetails): Promise<void> {
    const key = names.join('/');
    if (this.#folders.has(key)) return;
    const there = await statOf(this.#client, names, { signal, details });
    if (!there) {
      if (names.length > 0) await this.#makeFolder(names.slice(0, -1), signal, details);
      const above = names.length === 0 ? this.#client.depth : 0;
      const reply = await this.#make({ method: 'MKCOL', names, folder: true, signal, details }, above);
      if (reply.status >= 300 && reply.status !== 405)
        await this.#checkMade(names, reply, { signal, details });
    }
    this.#folders.add(key);
  }

  /** Another upload may have made the folder a moment before: servers answer that with various refusals. */
  async #checkMade(names: readonly string[], refused: WebReply, scope: RequestScope): Promise<void> {
    const there = await statOf(this.#client, names, scope);
    if (!there?.folder) throw this.#client.refusal(refused, scope.details);
  }

  /** Folders above the root may be missing, too (409): only as many requests are sent as are needed. */
  async #make(mkcol: WebRequest, levels: number): Promise<WebReply> {
    const reply = await this.#client.ask(mkcol);
    const above = (mkcol.above ?? 0) + 1;
    if (reply.status !== 409 || above > levels) return reply;
    const made = await this.#make({ ...mkcol, above }, levels);
    return made.status < 300 ? this.#client.ask(mkcol) : reply;
  }

  async #partial(path: string, token: string, signal: AbortSignal, details: ErrorDetails): Promise<number> {
    if (this.#ranges === false && !this.#chunked) return 0;
    for (const ending of this.#ending === undefined ? PART_ENDINGS : [this.#ending]) {
      const names = partName(path, token, ending).split('/');
      const found = await statOf(this.#client, names, { signal, details });
      if (found) return found.size;
    }
    return 0;
  }

  #exists(final: readonly string[], details: ErrorDetails) {
    return this.#client.error('exists', `already has ${posix.join(...final)}`, details);
  }

  #check(operation: string, path: string, signal: AbortSignal): ErrorDetails {
    const details = { device: this.#device, operation, path };
    throwIfAborted(signal, details);
    checkTargetPath(path, details);
    return details;
  }
}

type MoveSource = Pick<WebRequest, 'names' | 'url' | 'headers'>;

const NO_MOVE: readonly number[] = [405, 501];
const CANNOT_MOVE = 'cannot rename files (MOVE): allow that there (nginx: dav_methods PUT DELETE MKCOL MOVE)';

const TYPE = { 'Content-Type': 'application/octet-stream' };
