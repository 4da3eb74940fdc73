import { posix } from 'node:path';
import { defineDevice } from '../config/definition.js';
import { linkOf } from './link-options.js';
import { endpointOf, ofAllVehicles, s3Options, type S3Options } from './s3/options.js';

export const s3 = defineDevice({
  type: 's3',
  summary: 'Source and target: a bucket of an object store with the S3 interface (AWS, Ceph, MinIO, Swift)',
  options: s3Options,
  shared: ofAllVehicles,
  below: (options, folder) => ({ ...options, prefix: posix.join(options.prefix, folder) }),
  link: linkOf((options: S3Options) => endpointOf(options)),
  source: async (chosen, context) => (await import('./s3/ends.js')).s3Source(chosen, context),
  target: async (chosen, context) => (await import('./s3/ends.js')).s3Target(chosen, context),
});
