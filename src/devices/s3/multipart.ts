import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  type CreateMultipartUploadCommandInput,
} from '@aws-sdk/client-s3';
import { FileSyncError } from '../../errors.js';
import type { RequestScope } from '../web-client/scope.js';
import { plainEtag, type S3Bucket } from './client.js';
import { codeOf, statusOf } from './errors.js';
import { heldOf, type HeldParts, type Part } from './parts.js';

/** An upload in parts that the server has begun. */
export interface PartUpload {
  readonly key: string;
  readonly id: string;
}

/** Uploads in parts: one request each. */
export class PartUploads {
  readonly #bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async create(
    wanted: Omit<CreateMultipartUploadCommandInput, 'Bucket'>,
    scope: RequestScope,
  ): Promise<PartUpload> {
    const { bucket: Bucket } = this.#bucket;
    const { UploadId: id } = await this.#bucket.ask(scope, (client, options) =>
      client.send(new CreateMultipartUploadCommand({ Bucket, ...wanted }), options),
    );
    if (id !== undefined) return { key: wanted.Key ?? '', id };
    throw this.#bucket.error('protocol', 'did not name the upload that it began', scope.details);
  }

  /** Throws `corrupt` if the server has other bytes of it. */
  async send(upload: PartUpload, { number, bytes, md5 }: Part, scope: RequestScope): Promise<void> {
    const part = { ...this.#named(upload), PartNumber: number, Body: bytes };
    const { ETag, ServerSideEncryption: encryption } = await this.#bucket.ask(scope, (client, options) =>
      client.send(new UploadPartCommand(part), options),
    );
    const isHash = (encryption ?? 'AES256') === 'AES256' && plainEtag(ETag).length === md5.length;
    if (isHash && plainEtag(ETag) !== md5)
      throw this.#bucket.error(
        'corrupt',
        `has other bytes of part ${number} of ${upload.key}`,
        scope.details,
      );
  }

  /** What the server has of it; undefined if it does not know the upload any more. */
  async held(upload: PartUpload, partSize: number, scope: RequestScope): Promise<HeldParts | undefined> {
    const listed: { number: number; size: number; md5: string }[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = await this.#page(upload, after, scope);
      if (!page) return undefined;
      for (const { PartNumber: number = 0, Size: size = 0, ETag } of page.Parts ?? [])
        listed.push({ number, size, md5: plainEtag(ETag) });
      more = page.IsTruncated === true && page.NextPartNumberMarker !== after;
      after = page.NextPartNumberMarker;
    }
    return heldOf(listed, partSize);
  }

  /** Never repeated: a part that is sent after it destroys the object on some servers. */
  async complete(upload: PartUpload, etags: readonly string[], scope: RequestScope): Promise<void> {
    const Parts = etags.map((ETag, index) => ({ PartNumber: index + 1, ETag: `"${ETag}"` }));
    const whole = { ...this.#named(upload), MultipartUpload: { Parts } };
    // Ceph ignores the condition, others replace nothing by it.
    await this.#bucket.ask(scope, async (client, options) => {
      try {
        await client.send(new CompleteMultipartUploadCommand({ ...whole, IfNoneMatch: '*' }), options);
      } catch (error) {
        if (statusOf(error) !== NOT_IMPLEMENTED) throw error;
        await client.send(new CompleteMultipartUploadCommand(whole), options);
      }
    });
  }

  /** One that is gone already is a success. */
  async abort(upload: PartUpload, scope: RequestScope): Promise<void> {
    await this.#bucket.ask(scope, (client, options) =>
      client
        .send(new AbortMultipartUploadCommand(this.#named(upload)), options)
        .catch((error: unknown) => unlessGone(error)),
    );
  }

  /** Aborts uploads of that key without a single part: one of them is ours, whose name was lost with the answer. */
  async abortEmpty(key: string, scope: RequestScope): Promise<void> {
    const { bucket: Bucket } = this.#bucket;
    const { Uploads: uploads = [] } = await this.#bucket.ask(scope, (client, options) =>
      client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: key }), options),
    );
    for (const { Key, UploadId: id } of uploads) {
      if (Key !== key || id === undefined) continue;
      const held = await this.held({ key, id }, Infinity, scope);
      if (held?.md5s.length === 0) await this.abort({ key, id }, scope);
    }
  }

  async #page(upload: PartUpload, after: string | undefined, scope: RequestScope) {
    const asked = { ...this.#named(upload), ...(after !== undefined && { PartNumberMarker: after }) };
    return this.#bucket.ask(scope, (client, options) =>
      client.send(new ListPartsCommand(asked), options).catch((error: unknown) => unlessGone(error)),
    );
  }

  #named({ key, id }: PartUpload): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.#bucket.bucket, Key: key, UploadId: id };
  }
}

const NOT_IMPLEMENTED = 501;

function unlessGone(error: unknown): undefined {
  const code = codeOf(error);
  if (error instanceof FileSyncError || (code !== 'NoSuchUpload' && code !== 'NoSuchKey')) throw error;
}
