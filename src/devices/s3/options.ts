import * as z from 'zod';
import { duration, secret, size, template, webUrl } from '../../config/options.js';
import { linkOptions } from '../link-options.js';
import { maxFiles } from '../listing-gaps.js';
import { tlsOptions } from '../tls-options.js';

const MIB = 1024 * 1024;
/** Of an upload in parts, except the last one. Some servers take less than the 5 MiB of AWS. */
const MIN_PART_BYTES = 64 * 1024;
const MAX_PART_BYTES = 512 * MIB;

const VEHICLE = '{vehicle}';

const secretText = (description: string) => secret().optional().describe(description);

export const s3Options = z.object({
  endpoint: webUrl()
    .optional()
    .describe('address of the server: https://objects.example.org (default: AWS in that region)'),
  region: z
    .string()
    .regex(/^[\w.-]+$/, 'must be the name of a region, such as eu-central-1')
    .default('us-east-1')
    .describe('region of the bucket; servers of one place mostly keep to us-east-1'),
  bucket: z
    .string()
    .regex(/^[\w.:-]{3,255}$/, 'must be the name of a bucket alone')
    .describe('name of the bucket, which must exist'),
  prefix: z
    .string()
    .regex(/^(?!\/)(?!.*\/\/).*$/s, 'must be a path like fleet/one, without a slash in front')
    .refine(
      text => !/[{}]/.test(text.replaceAll(VEHICLE, '')),
      `knows ${VEHICLE} alone; the path of rules knows more`,
    )
    .default('')
    .describe(
      `folder in the bucket: the beginning of the objects' keys; with ${VEHICLE}, one for each vehicle`,
    ),
  path_style: z
    .boolean()
    .default(true)
    .describe(
      "true: the bucket's name is in the path of addresses; false: it is in front of the server's name",
    ),
  access_key: secret()
    .meta({ title: 'text, { env: NAME } or { file: PATH }' })
    .optional()
    .describe(
      'name of the access key; without it AWS_ACCESS_KEY_ID, the files of the AWS tools (~/.aws) and the role of a container or an instance are tried',
    ),
  secret_key: secretText(
    'secret of the access key, from a variable or a file: { env: NAME } or { file: PATH }',
  ),
  session_token: secretText(
    'of temporary credentials, from a variable or a file: { env: NAME } or { file: PATH }',
  ),
  profile: z.string().min(1).optional().describe('profile in ~/.aws/config and ~/.aws/credentials'),
  storage_class: z
    .string()
    .regex(/^\w+$/, 'must be the name of a storage class, such as STANDARD_IA')
    .optional()
    .describe('storage class of new objects: STANDARD_IA (default: that of the bucket)'),
  encryption: z
    .enum(['AES256', 'aws:kms', 'aws:kms:dsse'])
    .optional()
    .describe("how the server encrypts new objects (default: the bucket's own setting)"),
  kms_key: z.string().min(1).optional().describe('identifier of the key for aws:kms'),
  tags: z
    .record(z.string().min(1), template())
    .default({})
    .describe('tags of new objects: { vehicle: "{device}" }'),
  part_size: size()
    .refine(bytes => bytes >= MIN_PART_BYTES && bytes <= MAX_PART_BYTES, 'must be from 64KB to 512MB')
    .default(8 * MIB)
    .describe(
      'larger files are sent in parts of this size, at which an interrupted upload goes on; AWS wants 5MB at least',
    ),
  ...tlsOptions,
  timeout: duration().default(60_000).describe('silence after which the connection counts as lost'),
  max_files: maxFiles(),
  ...linkOptions,
});
export type S3Options = z.output<typeof s3Options>;

/** Where the server is reached, but for the name of the bucket in front. */
export const endpointOf = ({ endpoint, region }: Pick<S3Options, 'endpoint' | 'region'>): string =>
  endpoint ?? `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** The options of one vehicle: its name is filled in. */
export const ofVehicle = (options: S3Options, vehicle: string): S3Options => ({
  ...options,
  prefix: options.prefix.replaceAll(VEHICLE, vehicle),
});

/** The options with the part of the prefix that all vehicles have in common. */
export const ofAllVehicles = (options: S3Options): S3Options => ({
  ...options,
  prefix: options.prefix.replace(/[^/]*\{.*$/s, ''),
});
