import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { s3 } from '../src/devices/s3.js';
import type { Outgoing, Target } from '../src/ports.js';
import { CEPH_SKIPPED, startCeph } from '../test/servers/ceph-server.js';
import { makeTarget } from '../test/servers/device.js';
import { Events, never } from '../test/servers/outgoing.js';
import { findProgram, runProgram } from '../test/servers/program.js';
import { makeBucket } from '../test/servers/s3-bench.js';
import { startSwift, type S3Server } from '../test/servers/s3-servers.js';
import type { Row } from './run.js';

/** Bytes; smaller ones are for a try. */
const LARGE = Number(process.env['FILESYNC_BENCH_BYTES'] ?? 1_000_000_000);
const SMALL_FILES = Number(process.env['FILESYNC_BENCH_FILES'] ?? 5_000);
const SMALL = 4096;
/** As the engine sends small files: two connections, of which eight share each. */
const AT_ONCE = 16;
const MIN_LARGE_RATIO = 0.9;
const MIN_SMALL_RATIO = 0.8;
/** MB that a transfer of any size may take. */
const MAX_GROWTH = 128;

/** The device against rclone on the same store in the same run. */
export async function bench(): Promise<Row[]> {
  const rows = await onStore('Swift', await startSwift());
  return CEPH_SKIPPED ? rows : [...rows, ...(await onStore('Ceph', await startCeph()))];
}

async function onStore(store: string, server: S3Server): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'filesync-bench-s3-'));
  try {
    return [...(await largeRows(store, server, folder)), ...(await smallRows(store, server, folder))];
  } finally {
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

async function largeRows(store: string, server: S3Server, folder: string): Promise<Row[]> {
  const file = join(folder, 'large.bin');
  const sha256 = await writeLarge(file);
  let growth = 0;
  const ours = await withTarget(server, folder, async target => {
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => (growth = Math.max(growth, process.memoryUsage().rss - before)), 50);
    await target.write(outgoing(file, LARGE, sha256), 'large.bin', 0, never, new Events());
    clearInterval(watch);
  });
  const theirs = await rclone(server, bucket => ['copyto', file, `store:${bucket}/large.bin`]);
  const mb = growth / 1e6;
  return [
    ratio(`${store}: ${LARGE / 1e6} MB, of rclone copyto`, theirs / ours, MIN_LARGE_RATIO),
    { what: `${store}: ${LARGE / 1e6} MB`, result: `${(LARGE / 1e6 / ours).toFixed(1)} MB/s` },
    {
      what: `${store}: ${LARGE / 1e6} MB, memory`,
      result: `+${mb.toFixed(0)} MB`,
      limit: `<= ${MAX_GROWTH} MB`,
      met: mb <= MAX_GROWTH,
    },
  ];
}

async function smallRows(store: string, server: S3Server, folder: string): Promise<Row[]> {
  const small = join(folder, 'small');
  await mkdir(small);
  for (let index = 0; index < SMALL_FILES; index++)
    await writeFile(join(small, `${index}.ulg`), randomBytes(SMALL));
  const ours = await withTarget(server, folder, async target => {
    const names = await readdir(small);
    const send = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop())
        await target.write(outgoing(join(small, name), SMALL), name, 0, never, new Events());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, send));
  });
  const theirs = await rclone(server, bucket => ['copy', small, `store:${bucket}`]);
  const what = `${store}: ${SMALL_FILES} files of ${SMALL} B`;
  return [
    ratio(`${what}, of rclone copy`, theirs / ours, MIN_SMALL_RATIO),
    { what, result: `${(SMALL_FILES / ours).toFixed(0)} files/s` },
  ];
}

const ratio = (what: string, value: number, least: number): Row => ({
  ...{ what, result: `${value.toFixed(2)} x`, limit: `>= ${least} x`, met: value >= least },
});

async function withTarget(
  server: S3Server,
  local: string,
  send: (target: Target) => Promise<void>,
): Promise<number> {
  const bucket = await makeBucket(server);
  const { url: endpoint, accessKey: access_key, secretKey: secret_key } = server;
  const options = { endpoint, bucket: bucket.name, access_key, secret_key };
  const target = await makeTarget(s3, options, { local });
  try {
    return await seconds(() => send(target));
  } finally {
    await target.close();
    bucket.client.destroy();
  }
}

/** What the whole command takes, with the settings that it has by default. */
async function rclone(server: S3Server, args: (bucket: string) => string[]): Promise<number> {
  const bucket = await makeBucket(server);
  bucket.client.destroy();
  const program = await findProgram('rclone', 'usr/bin/rclone');
  const env = {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_STORE_TYPE: 's3',
    RCLONE_CONFIG_STORE_PROVIDER: 'Other',
    RCLONE_CONFIG_STORE_ENDPOINT: server.url,
    RCLONE_CONFIG_STORE_ACCESS_KEY_ID: server.accessKey,
    RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY: server.secretKey,
  };
  return seconds(async () => void (await runProgram(program, args(bucket.name), env)));
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function writeLarge(path: string): Promise<string> {
  const block = randomBytes(1 << 20);
  const hash = createHash('sha256');
  await writeFile(
    path,
    (async function* () {
      for (let left = LARGE; left > 0; left -= block.length) {
        const piece = block.subarray(0, left);
        hash.update(piece);
        yield piece;
      }
    })(),
  );
  return hash.digest('hex');
}

function outgoing(path: string, size: number, sha256?: string): Outgoing {
  return {
    source: { path, size },
    device: 'bench',
    token: randomBytes(8).toString('hex'),
    sha256,
    description: '',
    render: text => text,
    open: offset => createReadStream(path, { start: offset, highWaterMark: 1 << 18 }),
  };
}
