import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { davOptions } from './dav-bench.js';
import { startDavServer, type DavServerKind } from './dav-servers.js';
import { ftpOptions } from './ftp-bench.js';
import { startServer, type ServerKind } from './ftp-servers.js';
import { sftpOptions } from './sftp-bench.js';
import { startSftpServer, type SftpServerKind } from './sftp-servers.js';

/** A place that several vehicles share. */
export interface SharedStore {
  /** Of a device in a configuration, with its root at `folder`. */
  readonly device: Readonly<Record<string, unknown>>;
  /** What the server keeps is here. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Every kind of device that keeps files under names, each on a real server: a new one is a line here. */
export const STORES: Readonly<Record<string, () => Promise<SharedStore>>> = {
  directory,
  vsftpd: () => ftp('vsftpd'),
  proftpd: () => ftp('proftpd'),
  'pure-ftpd': () => ftp('pure-ftpd'),
  'webdav (apache)': () => dav('apache'),
  'webdav (nginx)': () => dav('nginx'),
  'sftp (openssh)': () => sftp('openssh'),
  'sftp (proftpd)': () => sftp('proftpd'),
};

async function directory(): Promise<SharedStore> {
  const home = await mkdtemp(join(tmpdir(), 'filesync-store-'));
  const folder = join(home, 'files');
  await mkdir(folder);
  const stop = () => rm(home, { recursive: true, force: true });
  return { device: { type: 'directory', path: folder }, folder, stop };
}

async function ftp(kind: ServerKind): Promise<SharedStore> {
  const server = await startServer(kind);
  return { device: { type: 'ftp', ...ftpOptions(server) }, folder: server.folder, stop: () => server.stop() };
}

async function dav(kind: DavServerKind): Promise<SharedStore> {
  const server = await startDavServer(kind);
  return {
    device: { type: 'webdav', ...davOptions(server) },
    folder: server.folder,
    stop: () => server.stop(),
  };
}

async function sftp(kind: SftpServerKind): Promise<SharedStore> {
  const server = await startSftpServer(kind);
  return {
    device: { type: 'sftp', ...sftpOptions(server) },
    folder: server.folder,
    stop: () => server.stop(),
  };
}
