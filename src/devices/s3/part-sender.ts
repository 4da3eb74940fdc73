import { FileSyncError } from '../../errors.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import type { KnownUpload, UploadList } from '../upload-list.js';
import type { RequestScope } from '../web-client/scope.js';
import type { S3Bucket } from './client.js';
import type { PartUpload, PartUploads } from './multipart.js';
import { wantedOf } from './object-options.js';
import { Flight } from './flight.js';
import {
  etagOf,
  inFlightFor,
  PartMemory,
  partSizeFor,
  cutParts,
  type HeldParts,
  type Part,
} from './parts.js';
import type { Expected, S3TargetOptions, S3Upload } from './upload.js';

/** An upload in parts that was recorded. */
interface KnownParts {
  readonly token: string;
  /** Bytes of each part but the last one. */
  readonly partSize: number;
  /** Undefined: the server was about to begin it, and its answer was lost. */
  readonly upload: PartUpload | undefined;
}

/** Sends files in parts, several at once, and goes on with what an earlier run has left. */
export class PartSender {
  readonly #bucket: S3Bucket;
  readonly #uploads: PartUploads;
  readonly #list: UploadList;
  readonly #options: S3TargetOptions;

  constructor(bucket: S3Bucket, uploads: PartUploads, list: UploadList, options: S3TargetOptions) {
    this.#bucket = bucket;
    this.#uploads = uploads;
    this.#list = list;
    this.#options = options;
  }

  /** Makes the object of a file that has more bytes than a part. Resolves when the server has answered that it is whole. */
  async send(upload: S3Upload): Promise<Expected> {
    const { file, offset, scope, events } = upload;
    const { size } = file.source;
    const partSize = partSizeFor(size, this.#options.part_size);
    const held = offset > 0 ? await this.#heldOf(upload, partSize) : undefined;
    const parts = held?.upload ?? (await this.#begin(upload, partSize));
    const md5s = [...(held?.md5s ?? [])];
    await this.#sendRest(upload, parts, md5s, partSize);
    await events.committing();
    const { sha256 } = file;
    const expected = { size, etag: etagOf(md5s), sha256 };
    await this.#prove(upload, parts, partSize, expected);
    await this.#complete(parts, md5s, scope);
    return expected;
  }

  async known(path: string): Promise<KnownParts | undefined> {
    const known = await this.#list.get(path);
    return known && this.#partsIn(known);
  }

  /** What the server must say of the object whose last answer was lost. */
  async proofOf(path: string): Promise<KnownUpload['proof']> {
    return (await this.#list.get(path))?.proof;
  }

  /** Ends what an earlier attempt has left. */
  async discard(path: string, scope: RequestScope): Promise<void> {
    const known = await this.known(path);
    if (!known) return;
    if (known.upload) await this.#uploads.abort(known.upload, scope);
    // A key that may not list uploads leaves an empty one behind.
    else await this.#uploads.abortEmpty(this.#bucket.keyOf(path), scope).catch(unlessDenied);
    await this.#list.delete(path);
  }

  /** It is recorded before the server is asked to begin it: its answer may be lost. */
  async #begin({ file, path, key, scope }: S3Upload, partSize: number): Promise<PartUpload> {
    await this.discard(path, scope);
    const { token } = file;
    await this.#list.put({ path, token, url: this.#urlOf({ key, id: '' }, partSize) });
    const wanted = { ...wantedOf(this.#options, file, file.sha256), Key: key };
    const upload = await this.#uploads.create(wanted, scope);
    await this.#list.put({ path, token, url: this.#urlOf(upload, partSize) });
    return upload;
  }

  async #heldOf(
    { file, path, offset, scope }: S3Upload,
    partSize: number,
  ): Promise<HeldParts & { upload: PartUpload }> {
    const known = await this.known(path);
    const isSame = known?.upload && known.token === file.token && known.partSize === partSize;
    const held = isSame ? await this.#uploads.held(known.upload, partSize, scope) : undefined;
    if (known?.upload && held?.bytes === offset) return { ...held, upload: known.upload };
    await this.discard(path, scope);
    throw this.#bucket.error(
      'changed',
      `has another part of ${path}: it is sent from the start`,
      scope.details,
    );
  }

  /** Those that the server has are read again where nobody knows their hash. */
  async #sendRest(upload: S3Upload, parts: PartUpload, md5s: string[], partSize: number): Promise<void> {
    const { file, offset, events, scope } = upload;
    const { device = '' } = scope.details;
    const from = file.readBack ? 0 : offset;
    const memory = new PartMemory(partSize);
    const bytes = outgoingBytes(file, from, { device, progress: () => undefined });
    const parted = cutParts(bytes, from / partSize + 1, memory, {
      used: chunk => file.giveBack?.(chunk),
      signal: scope.signal,
    });
    const flight = new Flight(inFlightFor(partSize), scope.signal);
    let sent = offset;
    if (offset > 0) events.progress(sent);
    try {
      for await (const part of parted) {
        if (part.number <= md5s.length) {
          await this.#compare(upload, part, md5s);
          memory.giveBack(part);
          continue;
        }
        md5s.push(part.md5);
        await flight.begin(async signal => {
          await this.#uploads.send(parts, part, { ...scope, signal });
          events.progress((sent += part.bytes.length));
          memory.giveBack(part);
        });
      }
      await flight.landed();
    } catch (error) {
      // Where the bytes end with an error, those that are on their way still arrive.
      await flight.landed().catch(ignore);
      throw error;
    } finally {
      await flight.ended();
    }
  }

  async #compare({ path, scope }: S3Upload, { number, md5 }: Part, md5s: readonly string[]): Promise<void> {
    if (md5 === md5s[number - 1]) return;
    await this.discard(path, scope);
    throw this.#bucket.error(
      'corrupt',
      `has other bytes of ${path}: it is sent from the start`,
      scope.details,
    );
  }

  /** If the answer is lost, the ETag tells later that the object is what was sent. */
  async #prove(
    { file, path }: S3Upload,
    parts: PartUpload,
    partSize: number,
    { etag, sha256 }: Expected,
  ): Promise<void> {
    if (sha256 === undefined) return;
    const url = this.#urlOf(parts, partSize);
    await this.#list.put({ path, token: file.token, url, proof: { etag, sha256 } });
  }

  /** Asked for right before as well: some servers ignore the condition. An object that is there is compared next. */
  async #complete(parts: PartUpload, md5s: readonly string[], scope: RequestScope): Promise<void> {
    const there = await this.#bucket.head(parts.key, scope);
    if (typeof there === 'object') return this.#uploads.abort(parts, scope);
    try {
      await this.#uploads.complete(parts, md5s, scope);
    } catch (error) {
      if (!(error instanceof FileSyncError) || !isTaken(error)) throw error;
      await this.#uploads.abort(parts, scope);
    }
  }

  #urlOf({ key, id }: PartUpload, partSize: number): string {
    const { bucket, url } = this.#bucket;
    const query = new URLSearchParams({ uploadId: id, partSize: String(partSize), key, bucket });
    return `${url.href}?${query.toString()}`;
  }

  /** Undefined for an upload to another bucket: the device may have been moved. */
  #partsIn({ url: text, token }: KnownUpload): KnownParts | undefined {
    const url = new URL(text);
    const [id = '', size, key = '', bucket] = ['uploadId', 'partSize', 'key', 'bucket'].map(
      name => url.searchParams.get(name) ?? undefined,
    );
    if (bucket !== this.#bucket.bucket || url.origin !== this.#bucket.url.origin) return undefined;
    return { token, partSize: Number(size), upload: id === '' ? undefined : { key, id } };
  }
}

const isTaken = ({ cause }: FileSyncError): boolean =>
  cause instanceof Error &&
  '$metadata' in cause &&
  (cause.$metadata as { httpStatusCode?: number }).httpStatusCode === 412;

function unlessDenied(error: unknown): void {
  if (!(error instanceof FileSyncError) || error.kind !== 'denied') throw error;
}

/** The first error is thrown. */
function ignore(): void {}
