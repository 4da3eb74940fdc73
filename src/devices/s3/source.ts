import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type _Object,
} from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { Observable } from 'rxjs';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Source,
  SourceCapabilities,
  SourceFile,
} from '../../ports.js';
import { pollAvailability } from '../availability.js';
import { FileLimit, GapReporter, ListingGaps } from '../listing-gaps.js';
import { watchedBytes } from '../web-client/body.js';
import type { RequestScope } from '../web-client/scope.js';
import { objectIn, type S3Bucket, type S3Object } from './client.js';
import { statusOf } from './errors.js';

const PROBE_INTERVAL_MS = 30_000;

/**
 * Objects of a bucket below a prefix. What a request for bytes answers is one version of the object; that it is still the listed one
 * is asked before and after. The MD5 of objects that were not made of parts, and are not encrypted with a key of the server's own,
 * is their ETag.
 */
export class S3Source implements Source {
  readonly capabilities: SourceCapabilities = {
    ...{ connections: 2, smallFiles: 8, resume: true, checksum: 'md5', remove: true },
  };
  readonly availability: Observable<Availability>;
  readonly #bucket: S3Bucket;
  readonly #device: string;
  readonly #maxFiles: number;
  readonly #reporter: GapReporter;
  readonly #closed = new AbortController();

  constructor(bucket: S3Bucket, maxFiles: number, { name, clock, logger }: DeviceContext) {
    this.#bucket = bucket;
    this.#maxFiles = maxFiles;
    this.#device = name;
    this.#reporter = new GapReporter(logger);
    const polling = { clock, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async *list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const scope = this.#scope('list', signal);
    const gaps = new ListingGaps(this.#reporter);
    const limit = new FileLimit(this.#maxFiles, scope.details);
    for (let after: string | undefined, more = true; more;) {
      const page = await this.#page(after, 1000, scope);
      for (const object of page.Contents ?? []) {
        throwIfAborted(signal, scope.details);
        limit.add();
        const file = this.#fileOf(object, gaps);
        if (file) yield file;
      }
      const next = page.NextContinuationToken;
      more = page.IsTruncated === true;
      if (more && (next === undefined || next === after))
        throw this.#bucket.error('protocol', 'lists the same objects without end', scope.details);
      after = next;
    }
    gaps.throwIfAny(what => this.#bucket.error('denied', what, scope.details));
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const scope = this.#scope('read', signal, file);
    if (offset > file.size) throw this.#changed(file, scope);
    const before = await this.#same(file, scope);
    if (offset < file.size) yield* this.#bytesOf(file, offset, before, scope);
    const after = await this.#same(file, scope);
    if (after.etag !== before.etag) throw this.#changed(file, scope);
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    const scope = this.#scope('checksum', signal, file);
    const { etag, hasOpaqueEtag } = await this.#same(file, scope);
    if (!hasOpaqueEtag && /^[0-9a-f]{32}$/.test(etag)) return { algorithm: 'md5', value: etag };
    throw this.#bucket.error(
      'unsupported',
      `has no checksum of ${file.path}, which came in parts`,
      scope.details,
    );
  }

  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    const scope = this.#scope('remove', signal, file);
    const found = await this.#found(file, scope);
    if (!found) return;
    if (!isSameObject(file, found)) throw this.#changed(file, scope);
    const object = { Bucket: this.#bucket.bucket, Key: this.#bucket.keyOf(file.path) };
    await this.#bucket.ask(scope, (client, options) => client.send(new DeleteObjectCommand(object), options));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#bucket.close();
  }

  async #probe(signal: AbortSignal): Promise<Availability> {
    const { host, bucket, clockWords } = this.#bucket;
    await this.#page(undefined, 1, this.#scope('list', signal));
    return { available: true, reason: `${host}: bucket ${bucket} is there${clockWords}`, armed: false };
  }

  #page(after: string | undefined, MaxKeys: number, scope: RequestScope) {
    const { bucket: Bucket, prefix: Prefix } = this.#bucket;
    const wanted = { Bucket, Prefix, MaxKeys, ...(after !== undefined && { ContinuationToken: after }) };
    return this.#bucket.ask(scope, (client, options) =>
      // XML cannot hold every character of a key.
      client.send(new ListObjectsV2Command({ ...wanted, EncodingType: 'url' }), options),
    );
  }

  /** Undefined for what stands for a folder, and for a key that is no path. */
  #fileOf({ Key = '', Size: size = 0, LastModified }: _Object, gaps: ListingGaps): SourceFile | undefined {
    const key = decodedKey(Key);
    if (key.endsWith('/') && size === 0) return undefined;
    const { prefix, host } = this.#bucket;
    const path = key.startsWith(prefix) ? key.slice(prefix.length) : '';
    const modified = LastModified && { modified: LastModified.getTime() };
    if (isPath(path)) return { path, size, ...modified };
    gaps.add(`${host}: the object ${JSON.stringify(key)} is not listed, its key is no path: rename it`);
    return undefined;
  }

  async *#bytesOf(file: SourceFile, offset: number, version: S3Object, scope: RequestScope): ByteStream {
    const { clock, timeout: limit } = this.#bucket;
    const body = await this.#get(file, offset, version, scope);
    let position = offset;
    try {
      for await (const chunk of watchedBytes(body, { limit, clock, signal: scope.signal })) {
        position += chunk.length;
        if (position > file.size) throw this.#changed(file, scope);
        yield chunk;
      }
    } catch (error) {
      throw this.#bucket.explain(error, scope);
    }
    if (position !== file.size)
      throw this.#bucket.error('io', `sent fewer bytes of ${file.path} than it has`, scope.details);
  }

  /** The bytes of that version, from the offset on. */
  async #get(file: SourceFile, offset: number, { etag }: S3Object, scope: RequestScope): Promise<Readable> {
    const object = { Bucket: this.#bucket.bucket, Key: this.#bucket.keyOf(file.path), IfMatch: `"${etag}"` };
    const range = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const answer = await this.#bucket.ask(scope, (client, options) =>
      client.send(new GetObjectCommand({ ...object, ...range }), options).catch(unlessOther),
    );
    if (!answer?.Body) throw this.#changed(file, scope);
    const body = answer.Body as Readable;
    if (startsAt(answer.ContentRange, offset) && objectIn(answer).etag === etag) return body;
    body.destroy();
    throw this.#changed(file, scope);
  }

  /** The listed version. Throws `changed` for another one, and `not-found` if it is gone. */
  async #same(file: SourceFile, scope: RequestScope): Promise<S3Object> {
    const found = await this.#found(file, scope);
    if (!found) throw this.#bucket.error('not-found', `no longer has ${file.path}`, scope.details);
    if (!isSameObject(file, found)) throw this.#changed(file, scope);
    return found;
  }

  /** An object counts as gone only if its bucket is there. */
  async #found({ path }: SourceFile, scope: RequestScope): Promise<S3Object | undefined> {
    const found = await this.#bucket.head(this.#bucket.keyOf(path), scope);
    if (found === 'forbidden')
      throw this.#bucket.error(
        'denied',
        `does not allow to read ${path}: give the access key s3:GetObject`,
        scope.details,
      );
    if (!found) await this.#page(undefined, 1, scope);
    return found;
  }

  #changed({ path }: SourceFile, { details }: RequestScope): FileSyncError {
    return this.#bucket.error(
      'changed',
      `has another version of ${path}: it changed after it was listed`,
      details,
    );
  }

  #scope(operation: string, signal: AbortSignal, file?: SourceFile): RequestScope {
    const details: ErrorDetails = { device: this.#device, operation, ...(file && { path: file.path }) };
    throwIfAborted(signal, details);
    if (file && !isPath(file.path))
      throw new FileSyncError('bad-name', `${JSON.stringify(file.path)} is no path of a file`, details);
    return { signal, details };
  }
}

const PRECONDITION_FAILED = 412;
const RANGE_NOT_SATISFIABLE = 416;

/** Listings have a higher resolution on some servers than the seconds of HEAD, which others round up. */
function isSameObject(file: SourceFile, { size, modified }: S3Object): boolean {
  if (size !== file.size) return false;
  if (file.modified === undefined || modified === undefined) return true;
  const seconds = file.modified / 1000;
  return [Math.floor(seconds), Math.ceil(seconds)].includes(modified / 1000);
}

/** Keys may be anything: some would be other objects, or none, as paths. */
const isPath = (path: string): boolean =>
  !/[\0\p{Cs}]/u.test(path) && path.split('/').every(part => part !== '' && part !== '.' && part !== '..');

/** AWS writes `+` for a space. What is not escaped as in URLs is no path. */
function decodedKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return `\0${key}`;
  }
}

/** The object is another one by now, or shorter. */
function unlessOther(error: unknown): undefined {
  const status = statusOf(error);
  if (status !== PRECONDITION_FAILED && status !== RANGE_NOT_SATISFIABLE) throw error;
}

const startsAt = (range: string | undefined, offset: number): boolean =>
  offset === 0 || range?.startsWith(`bytes ${offset}-`) === true;
