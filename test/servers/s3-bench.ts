import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { s3 } from '../../src/devices/s3.js';
import type { SourceBench } from '../conformance/source.js';
import type { TargetBench } from '../conformance/target.js';
import { makeSource, makeTarget } from './device.js';
import type { S3Server } from './s3-servers.js';

/** So small that files of the tests come in several; the servers of the tests take them. */
export const PART_SIZE = 65_536;

type Place = Pick<S3Server, 'url' | 'accessKey' | 'secretKey'>;

let buckets = 0;

/** A client of its own, which knows nothing of the device. */
export function clientFor({ url, accessKey, secretKey }: Place, more: S3ClientConfig = {}): S3Client {
  return new S3Client({
    ...{ endpoint: url, region: 'us-east-1', forcePathStyle: true },
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    ...{ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
    ...more,
  });
}

/** A bucket and what a test does with it behind the back of the device. */
export interface Bucket {
  readonly name: string;
  readonly client: S3Client;
  put(key: string, bytes: Uint8Array): Promise<void>;
  read(key: string): Promise<Buffer | undefined>;
  remove(key: string): Promise<void>;
  keys(): Promise<string[]>;
  /** Keys of unfinished uploads. */
  uploads(): Promise<string[]>;
}

export async function makeBucket(place: Place, more: S3ClientConfig = {}): Promise<Bucket> {
  const client = clientFor(place, more);
  const name = `bucket-${process.pid}-${buckets++}`;
  const Bucket = name;
  await client.send(new CreateBucketCommand({ Bucket }));
  return {
    ...{ name, client },
    put: async (Key, Body) => void (await client.send(new PutObjectCommand({ Bucket, Key, Body }))),
    read: async Key => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
    remove: async Key => void (await client.send(new DeleteObjectCommand({ Bucket, Key }))),
    keys: async () => {
      const keys: string[] = [];
      for (let ContinuationToken: string | undefined, more = true; more;) {
        const listed = await client.send(
          new ListObjectsV2Command({
            Bucket,
            EncodingType: 'url',
            ...(ContinuationToken && { ContinuationToken }),
          }),
        );
        keys.push(
          ...(listed.Contents ?? []).map(({ Key = '' }) => decodeURIComponent(Key.replaceAll('+', ' '))),
        );
        ContinuationToken = listed.NextContinuationToken;
        more = listed.IsTruncated === true;
      }
      return keys;
    },
    uploads: async () =>
      ((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).map(
        ({ Key = '' }) => Key,
      ),
  };
}

/** The device's options for that bucket. */
export function s3Options({ url, accessKey, secretKey }: Place, bucket: string): Record<string, unknown> {
  return { endpoint: url, bucket, access_key: accessKey, secret_key: secretKey, part_size: PART_SIZE };
}

/** A target with a bucket of its own on a shared server; it is reached through `place`. */
export async function s3TargetBench(
  server: Place,
  more: Record<string, unknown> = {},
  place: Place = server,
): Promise<TargetBench> {
  const bucket = await makeBucket(server);
  const local = await mkdtemp(join(tmpdir(), 'filesync-s3-'));
  const options = { ...s3Options(place, bucket.name), prefix: 'the root', ...more };
  const target = await makeTarget(s3, options, { local });
  return {
    target,
    read: path => bucket.read(`the root/${path}`),
    listAll: async () => [...(await bucket.keys()), ...(await bucket.uploads())],
    close: async () => {
      await target.close();
      bucket.client.destroy();
      await rm(local, { recursive: true, force: true });
    },
  };
}

/** More bytes than both sides' socket buffers on the loopback. */
const BIG = 16 << 20;

/** A source on a bucket of its own, on a shared server; it is reached through `place`. */
export async function s3SourceBench(
  server: Place,
  more: Record<string, unknown> = {},
  place: Place = server,
): Promise<SourceBench> {
  const bucket = await makeBucket(server);
  const source = await makeSource(s3, { ...s3Options(place, bucket.name), prefix: 'the root', ...more });
  const { client } = bucket;
  return {
    source,
    big: BIG,
    put: (path, bytes) => bucket.put(`the root/${path}`, bytes),
    remove: path => bucket.remove(`the root/${path}`),
    loseRoot: async () => void (await client.send(new DeleteBucketCommand({ Bucket: bucket.name }))),
    close: async () => {
      await source.close();
      client.destroy();
    },
  };
}
