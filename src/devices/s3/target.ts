import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Observable } from 'rxjs';
import type { DeviceContext } from '../../config/definition.js';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { checksumOf } from '../../local/digest.js';
import type {
  Availability,
  Checksum,
  Logger,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  Verification,
} from '../../ports.js';
import { pollAvailability } from '../availability.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import type { UploadList } from '../upload-list.js';
import { watchedBytes } from '../web-client/body.js';
import type { RequestScope } from '../web-client/scope.js';
import { PROBE_TEXT, probeByWriting, refusesName, type ProbeActs } from '../write-probe.js';
import { plainEtag, type S3Bucket, type S3Object } from './client.js';
import { statusOf } from './errors.js';
import { PartUploads, type PartUpload } from './multipart.js';
import { wantedOf } from './object-options.js';
import { PartSender } from './part-sender.js';
import { cutParts, md5Of, PartMemory, type Part } from './parts.js';
import type { Expected, S3TargetOptions, S3Upload } from './upload.js';

const PROBE_INTERVAL_MS = 30_000;

/**
 * Objects of a bucket. A file up to the size of a part is sent in one PUT, a larger one in parts, at which an interrupted upload goes
 * on: uploads are recorded here, by their token, before their first byte. The SHA-256 of whatever is sent is signed, so that the
 * server compares it; the ETag that a PUT answers is compared, and after parts the object's size, ETag and `sha256`. An object is
 * never replaced: by
 * `If-None-Match` where the server supports it, and by a HEAD request right before.
 */
export class S3Target implements Target {
  readonly capabilities: TargetCapabilities = {
    ...{ connections: 2, smallFiles: 8, resume: true, stat: true, checksum: 'sha256', resend: false },
  };
  readonly availability: Observable<Availability>;
  readonly #bucket: S3Bucket;
  readonly #options: S3TargetOptions;
  readonly #uploads: PartUploads;
  readonly #sender: PartSender;
  readonly #list: UploadList;
  readonly #device: string;
  readonly #logger: Logger;
  readonly #closed = new AbortController();
  /** Whether the server supports `If-None-Match`; undefined before it was asked. */
  #isConditional: boolean | undefined;

  constructor(bucket: S3Bucket, options: S3TargetOptions, list: UploadList, context: DeviceContext) {
    this.#bucket = bucket;
    this.#options = options;
    this.#list = list;
    this.#uploads = new PartUploads(bucket);
    this.#sender = new PartSender(bucket, this.#uploads, list, options);
    this.#device = context.name;
    this.#logger = context.logger;
    const { clock, random } = context;
    const polling = { clock, random, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    const scope = this.#scope('stat', path, signal);
    const found = await this.#bucket.head(this.#bucket.keyOf(path), scope);
    if (typeof found === 'object') return { size: found.size, partial: 0 };
    const known = await this.#sender.known(path);
    if (known?.token !== token || known.upload === undefined) return { partial: 0 };
    const held = await this.#uploads.held(known.upload, known.partSize, scope);
    return { partial: held?.bytes ?? 0 };
  }

  /** The object is read back, unless its ETag proves that it is what was sent here a moment ago. */
  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    const scope = this.#scope('checksum', path, signal);
    const key = this.#bucket.keyOf(path);
    const proof = await this.#sender.proofOf(path);
    const found = proof && (await this.#bucket.head(key, scope));
    if (!proof || typeof found !== 'object' || found.etag !== proof.etag) return this.#readBack(key, scope);
    await this.#list.delete(path);
    return { algorithm: 'sha256', value: proof.sha256 };
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const scope = this.#scope('write', path, signal);
    const key = this.#bucket.keyOf(path);
    const upload = { file, path, key, offset, events, scope };
    const isSmall = file.source.size <= this.#options.part_size;
    // The condition of a PUT asks the same.
    const found = isSmall && this.#isConditional ? undefined : await this.#bucket.head(key, scope);
    if (typeof found === 'object') {
      const proof = await this.#sender.proofOf(path);
      if (proof?.etag !== found.etag) await this.#sender.discard(path, scope);
      throw this.#exists(upload);
    }
    const expected = isSmall ? await this.#put(upload, found) : await this.#sender.send(upload);
    const isAnswered = expected.answered === expected.etag;
    const verified = isAnswered ? 'hash' : await this.#verify(upload, expected);
    if (!isSmall) await this.#list.delete(path);
    return { location: `s3://${this.#bucket.bucket}/${key}`, verified };
  }

  /** Begins an upload in parts and gives it up: nothing is left, and no right to delete is needed. */
  async probe(signal: AbortSignal): Promise<void> {
    const { bucket, clock } = this.#bucket;
    const place = { device: this.#device, root: `${bucket}/${this.#bucket.prefix}`, option: 'prefix', clock };
    await probeByWriting(this.#probeActs, place, signal);
  }

  refusesName(path: string, signal: AbortSignal): Promise<boolean> {
    return refusesName(this.#probeActs, path, signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#bucket.close();
  }

  get #probeActs(): ProbeActs {
    const begun = new Map<string, PartUpload>();
    const details = { device: this.#device, operation: 'probe' };
    return {
      write: async (name, signal) => {
        const scope = { signal, details };
        const upload = await this.#uploads.create({ Key: this.#bucket.keyOf(name) }, scope);
        begun.set(name, upload);
        const bytes = Buffer.from(PROBE_TEXT);
        await this.#uploads.send(upload, { number: 1, bytes, md5: md5Of(bytes) }, scope);
      },
      rename: async () => undefined,
      remove: async (_, signal) => {
        for (const [name, upload] of begun) {
          await this.#uploads.abort(upload, { signal, details });
          begun.delete(name);
        }
      },
    };
  }

  /** A key that may only write is not allowed to list: then the server has known it, at least. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const { bucket: Bucket, host, prefix: Prefix } = this.#bucket;
    const scope = { signal, details: { device: this.#device, operation: 'probe' } };
    const isListed = await this.#bucket.ask(scope, async (client, options) => {
      try {
        await client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }), options);
        return true;
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'AccessDenied') throw error;
        return false;
      }
    });
    const known = isListed
      ? `bucket ${Bucket} is there`
      : 'the access key is known, and may not list the bucket';
    return { available: true, reason: `${host}: ${known}${this.#bucket.clockWords}`, armed: false };
  }

  async #put(upload: S3Upload, found: 'forbidden' | undefined): Promise<Expected> {
    const { file, path, offset, events, scope } = upload;
    if (offset > 0) throw this.#bucket.error('changed', `has no part of ${path}`, scope.details);
    const { bytes, md5: etag } = await this.#wholeOf(file, scope);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (file.sha256 !== undefined && file.sha256 !== sha256)
      throw new FileSyncError('changed', `${file.source.path} changed while it was read`, scope.details);
    await this.#sender.discard(path, scope);
    const expected = { size: bytes.length, etag, sha256 };
    await events.committing();
    const answered = await this.#putBytes(upload, bytes, expected, found);
    events.progress(bytes.length);
    return { ...expected, answered };
  }

  async #wholeOf(file: Outgoing, { signal }: RequestScope): Promise<Part> {
    const sending = { device: this.#device, progress: () => undefined };
    const memory = new PartMemory(Math.max(1, file.source.size));
    const bytes = outgoingBytes(file, 0, sending);
    for await (const part of cutParts(bytes, 1, memory, { used: chunk => file.giveBack?.(chunk), signal }))
      return part;
    return { number: 1, bytes: Buffer.alloc(0), md5: md5Of(Buffer.alloc(0)) };
  }

  /** The ETag of the answer; undefined where another object is there, or one of ours whose answer was lost. */
  async #putBytes(
    upload: S3Upload,
    bytes: Buffer,
    expected: Expected,
    found: 'forbidden' | undefined,
  ): Promise<string | undefined> {
    const { file, key, scope } = upload;
    const object = {
      ...wantedOf(this.#options, file, expected.sha256),
      Bucket: this.#bucket.bucket,
      Key: key,
    };
    const send = (condition: { IfNoneMatch?: '*' }): Promise<string | number> =>
      this.#bucket.ask(scope, (client, options) =>
        client
          .send(
            new PutObjectCommand({ ...object, Body: bytes, ContentLength: bytes.length, ...condition }),
            options,
          )
          .then(({ ETag }) => plainEtag(ETag))
          .catch((error: unknown) => conditionRefused(error, condition)),
      );
    const sent = this.#isConditional === false ? NOT_IMPLEMENTED : await send({ IfNoneMatch: '*' });
    if (typeof sent === 'string') {
      if (this.#isConditional === undefined) await this.#learnCondition(() => send({ IfNoneMatch: '*' }));
      return sent;
    }
    if (sent === PRECONDITION_FAILED) {
      this.#isConditional ??= true;
      return undefined;
    }
    this.#noteUnconditional();
    if (found === 'forbidden')
      throw this.#bucket.error('denied', `${NEEDS_HEAD} ${this.#bucket.bucket}`, scope.details);
    const etag = await send({});
    return typeof etag === 'string' ? etag : undefined;
  }

  /** Some servers accept the condition and ignore it. Only one that refuses the same object is known to fulfil it. */
  async #learnCondition(sendAgain: () => Promise<string | number>): Promise<void> {
    const sent = await sendAgain().catch(() => undefined);
    if (sent === PRECONDITION_FAILED) this.#isConditional ??= true;
    else if (sent !== undefined) this.#noteUnconditional();
  }

  #noteUnconditional(): void {
    if (this.#isConditional === false) return;
    this.#isConditional = false;
    const message = `${this.#bucket.host} does not support If-None-Match: another program that writes the same key in the same moment may replace a file`;
    this.#logger.log('info', message);
  }

  /** Compares what the server has now with what was sent. Throws `exists` for an object that is not ours. */
  async #verify(upload: S3Upload, expected: Expected): Promise<Verification> {
    const { key, path, scope } = upload;
    const found = await this.#bucket.head(key, scope);
    if (found === 'forbidden') return 'reply';
    if (!found) throw this.#bucket.error('io', `has lost ${path}, which it had taken`, scope.details);
    const { etag, size, sha256 } = expected;
    if (found.size === size && found.etag === etag) return 'hash';
    const isOurs = sha256 !== undefined && found.sha256 === sha256;
    if (found.size === size && isOpaque(found, etag) && found.sha256 === sha256) return 'size';
    if (!isOurs) throw this.#exists(upload);
    await this.#delete(key, scope);
    throw this.#bucket.error('corrupt', `has other bytes of ${path}: it is sent again`, scope.details);
  }

  /** An object of our own that is corrupt. A key that may not delete leaves it there. */
  async #delete(Key: string, scope: RequestScope): Promise<void> {
    const object = { Bucket: this.#bucket.bucket, Key };
    await this.#bucket
      .ask(scope, (client, options) => client.send(new DeleteObjectCommand(object), options))
      .catch((error: unknown) => {
        if (!(error instanceof FileSyncError) || error.kind !== 'denied') throw error;
      });
  }

  async #readBack(key: string, scope: RequestScope): Promise<Checksum> {
    const object = { Bucket: this.#bucket.bucket, Key: key };
    const { clock, timeout: limit } = this.#bucket;
    const { signal } = scope;
    const { Body: body } = await this.#bucket.ask(scope, (client, options) =>
      client.send(new GetObjectCommand(object), options),
    );
    try {
      return await checksumOf(watchedBytes(body as Readable, { limit, clock, signal }), 'sha256');
    } catch (error) {
      throw this.#bucket.explain(error, scope);
    }
  }

  #exists({ key, scope }: S3Upload): FileSyncError {
    return this.#bucket.error('exists', `already has ${key}`, scope.details);
  }

  #scope(operation: string, path: string, signal: AbortSignal): RequestScope {
    const details: ErrorDetails = { device: this.#device, operation, path };
    throwIfAborted(signal, details);
    checkTargetPath(path, details);
    if (/\p{Cs}/u.test(path))
      throw new FileSyncError('bad-name', `${JSON.stringify(path)} ${NOT_UTF8}`, details);
    return { signal, details };
  }
}

const NOT_IMPLEMENTED = 501;
const PRECONDITION_FAILED = 412;
const NOT_UTF8 =
  'is not UTF-8, as keys of objects are: set names: portable in the rule, or rename the file on the source';
const NEEDS_HEAD =
  'supports no conditional writes, so that an object could be replaced: give the access key s3:GetObject and s3:ListBucket on';

/** The status with which the condition was not fulfilled or not understood. */
function conditionRefused(error: unknown, { IfNoneMatch }: { IfNoneMatch?: '*' }): number {
  const status = statusOf(error);
  if (IfNoneMatch && (status === PRECONDITION_FAILED || status === NOT_IMPLEMENTED)) return status;
  throw error;
}

/** Whether the ETag says nothing of the bytes: it is that of an encrypted object, or not of the form that a hash has. */
const isOpaque = ({ hasOpaqueEtag, etag }: S3Object, expected: string): boolean =>
  hasOpaqueEtag || etag.length !== expected.length || !/^[0-9a-f]{32}(-\d+)?$/.test(etag);
