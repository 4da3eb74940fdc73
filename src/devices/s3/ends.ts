import { join } from 'node:path';
import type { DeviceContext } from '../../config/definition.js';
import { UploadList } from '../upload-list.js';
import { S3Bucket } from './client.js';
import { ofVehicle, type S3Options } from './options.js';
import { S3Source } from './source.js';
import { S3Target } from './target.js';

export function s3Source(options: S3Options, context: DeviceContext): S3Source {
  return new S3Source(bucketOf(options, context), options.max_files, context);
}

export function s3Target(options: S3Options, context: DeviceContext): S3Target {
  const list = new UploadList(join(context.local, '.s3', encodeURIComponent(context.name)));
  return new S3Target(bucketOf(options, context), options, list, context);
}

const bucketOf = (options: S3Options, context: DeviceContext): S3Bucket =>
  new S3Bucket(ofVehicle(options, context.vehicle), context);
