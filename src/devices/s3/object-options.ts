import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { FileSyncError } from '../../errors.js';
import type { Outgoing } from '../../ports.js';
import type { S3Options } from './options.js';

/** What the options of the device ask for each new object. */
export type ObjectOptions = Pick<S3Options, 'storage_class' | 'encryption' | 'kms_key' | 'tags'>;

type Wanted = Pick<
  PutObjectCommandInput,
  'ContentType' | 'Metadata' | 'SSEKMSKeyId' | 'ServerSideEncryption' | 'StorageClass' | 'Tagging'
>;

/** Characters of a tag's name and of its value (docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html). */
const MAX_TAG_NAME = 128;
const MAX_TAG_VALUE = 256;

/** The parameters of a new object. `mtime` is as rclone has it: seconds. */
export function wantedOf(
  { storage_class: storage, encryption, kms_key: key, tags }: ObjectOptions,
  file: Outgoing,
  sha256: string | undefined,
): Wanted {
  const { modified } = file.source;
  const tagging = new URLSearchParams(
    Object.entries(tags).map(([name, text]): [string, string] => [name, tagValue(name, file.render(text))]),
  );
  return {
    ContentType: 'application/octet-stream',
    Metadata: {
      ...(sha256 !== undefined && { sha256 }),
      ...(modified !== undefined && { mtime: String(modified / 1000) }),
    },
    ...(storage !== undefined && { StorageClass: storage as NonNullable<Wanted['StorageClass']> }),
    ...(encryption !== undefined && { ServerSideEncryption: encryption }),
    ...(key !== undefined && { SSEKMSKeyId: key }),
    ...(tagging.size > 0 && { Tagging: tagging.toString().replaceAll('+', '%20') }),
  };
}

function tagValue(name: string, value: string): string {
  if (name.length <= MAX_TAG_NAME && value.length <= MAX_TAG_VALUE) return value;
  const message = `the tag ${name} is too long: a name has at most ${MAX_TAG_NAME} characters, a value ${MAX_TAG_VALUE}`;
  throw new FileSyncError('rejected', message);
}
