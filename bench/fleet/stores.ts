import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, runProgram } from '../../test/servers/program.js';
import { startCeph } from '../../test/servers/ceph-server.js';
import { startDavServer } from '../../test/servers/dav-servers.js';
import { makeBucket, s3Options, type Bucket } from '../../test/servers/s3-bench.js';
import { startSwift, type S3Server } from '../../test/servers/s3-servers.js';
import { startTusServer } from '../../test/servers/tus-server.js';
import { sha256 } from './plan.js';

/** A server that all vehicles deliver to. */
export interface Store {
  readonly what: string;
  /** The target in a vehicle's configuration. */
  readonly device: Readonly<Record<string, unknown>>;
  /** SHA-256 of everything that it holds, unfinished uploads included, by its name. `asked` may be there without being listed. */
  objects(asked: Iterable<string>): Promise<Map<string, string>>;
  /** Kills it and starts it again. Absent: it lives in this process. */
  crash?(): Promise<void>;
  /** `rclone copy` of a folder to another place of it, with an option more. Absent: rclone does not speak its protocol. */
  rclone?(folder: string, options: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Connections that the server accepts: as many vehicles as the bench has begin within seconds. */
const CONNECTIONS = 4096;
/** Objects that are read at once for comparison. */
const READERS = 16;

async function webdav(): Promise<Store> {
  const server = await startDavServer('nginx', { connections: CONNECTIONS });
  const { url, user, password, folder } = server;
  return {
    what: 'nginx, WebDAV',
    device: { type: 'webdav', url: `${url}/fleet`, user, password },
    objects: () => hashesBelow(join(folder, 'fleet')),
    crash: async () => {
      await server.kill();
      await server.restart();
    },
    rclone: async (from, options) => {
      const pass = (await rclone(['obscure', password])).trim();
      const login = ['--webdav-url', url, '--webdav-user', user, '--webdav-pass', pass];
      await rclone(['copy', from, ':webdav:theirs', ...login, ...options]);
    },
    close: () => server.stop(),
  };
}

async function tus(): Promise<Store> {
  const server = await startTusServer();
  return {
    what: '@tus/server',
    device: { type: 'tus', url: server.url },
    objects: async () => new Map((await server.uploads()).map(({ path, bytes }) => [path, sha256(bytes)])),
    close: () => server.stop(),
  };
}

const rgw = async (): Promise<Store> => objectStore('Ceph RADOS Gateway', await startCeph());
const swift = async (): Promise<Store> => objectStore('OpenStack Swift, S3', await startSwift());

/** @param what it is, for people */
async function objectStore(what: string, server: S3Server): Promise<Store> {
  const [ours, theirs] = [await makeBucket(server), await makeBucket(server)];
  const { part_size: _small, ...device } = s3Options(server, ours.name);
  return {
    what,
    device: { type: 's3', ...device },
    objects: asked => hashesIn(ours, asked),
    crash: async () => {
      await server.kill();
      await server.restart();
    },
    rclone: async (from, options) => {
      const login = ['--s3-access-key-id', server.accessKey, '--s3-secret-access-key', server.secretKey];
      const place = ['--s3-provider', 'Other', '--s3-endpoint', server.url, '--s3-region', 'us-east-1'];
      await rclone([
        'copy',
        from,
        `:s3:${theirs.name}`,
        ...place,
        ...login,
        '--s3-no-check-bucket',
        ...options,
      ]);
    },
    close: async () => {
      for (const { client } of [ours, theirs]) client.destroy();
      await server.stop();
    },
  };
}

/** A killed Swift may hold an object that its listing lacks: each that is asked for is read, listed or not. */
async function hashesIn(bucket: Bucket, asked: Iterable<string>): Promise<Map<string, string>> {
  const unfinished = (await bucket.uploads()).map(key => [`${key} (unfinished)`, ''] as const);
  const hashes = new Map<string, string>(unfinished);
  const keys = new Set([...(await bucket.keys()), ...asked]).values();
  const worker = async () => {
    for (const key of keys) {
      const bytes = await bucket.read(key);
      if (bytes) hashes.set(key, sha256(bytes));
    }
  };
  await Promise.all(Array.from({ length: READERS }, worker));
  return hashes;
}

export const STORES: Readonly<Record<string, () => Promise<Store>>> = { webdav, tus, swift, rgw };

export async function rclone(args: readonly string[]): Promise<string> {
  const program = await findProgram('rclone', 'usr/bin/rclone');
  return runProgram(program, args, { HOME: '/nonexistent', RCLONE_CONFIG: '/dev/null' });
}

async function hashesBelow(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const hashes = new Map<string, string>();
  for (const entry of entries.filter(each => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    hashes.set(path.slice(folder.length + 1), sha256(await readFile(path)));
  }
  return hashes;
}
