import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesBelow } from '../e2e/parts.js';
import { davOptions } from './dav-bench.js';
import { startDavServer, type DavServerKind } from './dav-servers.js';
import { ftpOptions } from './ftp-bench.js';
import { startServer, type ServerKind } from './ftp-servers.js';
import { makeBucket, s3Options } from './s3-bench.js';
import { startSwift } from './s3-servers.js';
import { sftpOptions } from './sftp-bench.js';
import { startSftpServer, type SftpServerKind } from './sftp-servers.js';

/** A place that several vehicles share. */
export interface SharedStore {
  /** Of a device in a configuration. */
  readonly device: Readonly<Record<string, unknown>>;
  /** What the server keeps, by path. */
  files(): Promise<ReadonlyMap<string, Buffer>>;
  stop(): Promise<void>;
}

/** A server that keeps its files in a folder of this machine. */
export interface FolderStore extends SharedStore {
  readonly folder: string;
}

/** Every kind of device that keeps files under names, each on a real server: a new one is a line here. */
export const STORES: Readonly<Record<string, () => Promise<SharedStore>>> = {
  directory: folderStore,
  vsftpd: () => ftp('vsftpd'),
  proftpd: () => ftp('proftpd'),
  'pure-ftpd': () => ftp('pure-ftpd'),
  'webdav (apache)': () => dav('apache'),
  'webdav (nginx)': () => dav('nginx'),
  'sftp (openssh)': () => sftp('openssh'),
  'sftp (proftpd)': () => sftp('proftpd'),
  's3 (swift)': swift,
};

export async function folderStore(): Promise<FolderStore> {
  const home = await mkdtemp(join(tmpdir(), 'filesync-store-'));
  const folder = join(home, 'files');
  await mkdir(folder);
  const stop = () => rm(home, { recursive: true, force: true });
  return { ...inFolder(folder), device: { type: 'directory', path: folder }, stop };
}

const inFolder = (folder: string): Pick<FolderStore, 'folder' | 'files'> => ({
  folder,
  files: async () => {
    const paths = await filesBelow(folder);
    return new Map(
      await Promise.all(paths.map(async path => [path, await readFile(join(folder, path))] as const)),
    );
  },
});

async function ftp(kind: ServerKind): Promise<SharedStore> {
  const server = await startServer(kind);
  const device = { type: 'ftp', ...ftpOptions(server) };
  return { ...inFolder(server.folder), device, stop: () => server.stop() };
}

async function dav(kind: DavServerKind): Promise<SharedStore> {
  const server = await startDavServer(kind);
  const device = { type: 'webdav', ...davOptions(server) };
  return { ...inFolder(server.folder), device, stop: () => server.stop() };
}

async function sftp(kind: SftpServerKind): Promise<SharedStore> {
  const server = await startSftpServer(kind);
  const device = { type: 'sftp', ...sftpOptions(server) };
  return { ...inFolder(server.folder), device, stop: () => server.stop() };
}

/** A bucket in which each vehicle has a folder of its own. */
async function swift(): Promise<SharedStore> {
  const server = await startSwift();
  const bucket = await makeBucket(server);
  return {
    device: { type: 's3', ...s3Options(server, bucket.name), prefix: '{vehicle}/' },
    files: async () => {
      const there = await bucket.keys();
      return new Map(
        await Promise.all(
          there.map(async key => [key, (await bucket.read(key)) ?? Buffer.alloc(0)] as const),
        ),
      );
    },
    stop: async () => {
      bucket.client.destroy();
      await server.stop();
    },
  };
}
