import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { rclone } from '../../src/devices/rclone.js';
import type { SourceBench } from '../conformance/source.js';
import type { TargetBench } from '../conformance/target.js';
import { makeSource, makeTarget } from './device.js';
import { rcloneConfig, rcloneProgram, removed } from './rclone-bench.js';

/** An object store, and who may use it. */
export interface ObjectStore {
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A remote of rclone with buckets, whose files the command of rclone changes and reads. */
export interface S3Remote {
  readonly config: string;
  readonly program: string;
  /** Of the command; `input` goes to its standard input. */
  readonly run: (args: readonly string[], input?: Uint8Array) => Promise<Buffer>;
  remove(): Promise<void>;
}

const MAX_OUTPUT_BYTES = 64 << 20;
/** More bytes than the buffers between the store and the reader. */
const BIG = 24 << 20;

let buckets = 0;

export async function s3Remote({ url, accessKey, secretKey }: ObjectStore): Promise<S3Remote> {
  const config = await rcloneConfig({
    ...{ type: 's3', provider: 'Other', endpoint: url, region: 'us-east-1', force_path_style: 'true' },
    ...{ access_key_id: accessKey, secret_access_key: secretKey },
  });
  const program = await rcloneProgram();
  const run = async (args: readonly string[], input?: Uint8Array): Promise<Buffer> => {
    const limits = {
      encoding: 'buffer',
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { PATH: '/usr/bin:/bin' },
    } as const;
    const running = promisify(execFile)(program, ['--config', config, '--retries', '1', ...args], limits);
    running.child.stdin?.end(input);
    return (await running).stdout;
  };
  return { config, program, run, remove: () => removed(config) };
}

const isRefusal = (): undefined => undefined;

async function bucketOn({ run }: S3Remote): Promise<string> {
  const remote = `cloud:bucket-${process.pid}-${buckets++}`;
  await run(['mkdir', remote]);
  return remote;
}

export async function s3TargetBench(place: S3Remote): Promise<TargetBench> {
  const { config, program, run } = place;
  const bucket = await bucketOn(place);
  const target = await makeTarget(rclone, { remote: `${bucket}/root`, config, program });
  return {
    target,
    read: path =>
      run(['cat', `${bucket}/root/${path}`])
        .catch(isRefusal)
        .then(unlessEmpty(run, `${bucket}/root/${path}`)),
    listAll: async () =>
      (await run(['lsf', '-R', '--files-only', bucket])).toString().split('\n').filter(Boolean),
    close: () => target.close(),
  };
}

/** `rclone cat` prints nothing of what is missing: the listing tells. */
const unlessEmpty =
  (run: S3Remote['run'], path: string) =>
  async (found: Buffer | undefined): Promise<Buffer | undefined> => {
    if (!found || found.length > 0) return found;
    const listed = await run(['lsf', path]).catch(isRefusal);
    return listed && listed.length > 0 ? found : undefined;
  };

export async function s3SourceBench(place: S3Remote): Promise<SourceBench> {
  const { config, program, run } = place;
  const bucket = await bucketOn(place);
  const source = await makeSource(rclone, { remote: bucket, config, program });
  return {
    source,
    big: BIG,
    put: async (path, bytes) => void (await run(['rcat', `${bucket}/${path}`], bytes)),
    remove: async path => void (await run(['deletefile', `${bucket}/${path}`])),
    loseRoot: async () => void (await run(['purge', bucket])),
    holds: path => !/\p{Cc}/u.test(path),
    close: () => source.close(),
  };
}
