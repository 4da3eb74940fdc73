import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, runProgram } from '../../test/servers/program.js';
import { startDavServer } from '../../test/servers/dav-servers.js';
import { startTusServer } from '../../test/servers/tus-server.js';
import { sha256 } from './plan.js';

/** A server that all vehicles deliver to. */
export interface Store {
  readonly what: string;
  /** The target in a vehicle's configuration. */
  readonly device: Readonly<Record<string, unknown>>;
  /** SHA-256 of everything that it holds, unfinished uploads included, by its name. */
  objects(): Promise<Map<string, string>>;
  /** Kills it and starts it again. Absent: it lives in this process. */
  crash?(): Promise<void>;
  /** `rclone copy` of a folder to another place of it, with an option more. Absent: rclone does not speak its protocol. */
  rclone?(folder: string, options: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Connections that the server accepts: as many vehicles as the bench has begin within seconds. */
const CONNECTIONS = 4096;

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

export const STORES: Readonly<Record<string, () => Promise<Store>>> = { webdav, tus };

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
