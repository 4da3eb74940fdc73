import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startReceiver } from '../../../src/demo/receiver.js';
import { startSim } from '../../../src/sim/sim.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { davOptions } from '../../servers/dav-bench.js';
import { startDavServer } from '../../servers/dav-servers.js';
import { startServer } from '../../servers/ftp-servers.js';
import { ftpDataThroughProxy } from '../tcp-proxy.js';
import { drive, fuseDrive } from './drive-subject.js';
import { FastClock } from './fast-clock.js';
import { mavros } from './mavros-subject.js';
import { filesBelow, putInto, SIZE, TIMEOUT, type Subject } from './subject.js';
import { TcpLink } from './tcp-link.js';
import { UdpLink } from './udp-link.js';

/** Resolves to the loopback address unless the trial takes the name away. */
export const SERVER_NAME = 'server.filesync.test';
/** An upload page reads a big file, and then answers. */
const UPLOAD_TIMEOUT = '60s';
/** More than the buffers of both sockets hold: what is sent is not on its way to a server that reads no more. */
const BIG = 16 << 20;
const ULOG = Uint8Array.of(0x55, 0x4c, 0x6f, 0x67, 0x01, 0x12, 0x35, 0x01);

async function directory(end: Subject['end']): Promise<Subject> {
  const home = await temporaryFolder();
  const folder = join(home.path, 'files');
  await mkdir(folder);
  return {
    ...{ end, folder, size: SIZE, options: { type: 'directory', path: folder } },
    put: (path, bytes) => putInto(folder, path, bytes),
    held: () => filesBelow(folder),
    close: () => home.remove(),
  };
}

async function ftp(end: Subject['end']): Promise<Subject> {
  const server = await startServer('vsftpd', { settings: { delay_failed_login: 0 } });
  const link = new TcpLink(ftpDataThroughProxy);
  const { user, password, root } = server;
  const port = await link.open(server);
  return {
    ...{ end, link, size: SIZE },
    options: { type: 'ftp', host: SERVER_NAME, port, user, password, root, timeout: TIMEOUT },
    put: (path, bytes) => putInto(server.folder, path, bytes),
    held: () => filesBelow(server.folder),
    close: () => link.close().then(() => server.stop()),
  };
}

async function webdav(end: Subject['end']): Promise<Subject> {
  const server = await startDavServer('nginx');
  const link = new TcpLink();
  const { hostname: host, port, pathname } = new URL(server.url);
  const url = `http://${SERVER_NAME}:${await link.open({ host, port: Number(port) })}${pathname}`;
  return {
    ...{ end, link, size: SIZE },
    options: { type: 'webdav', ...davOptions(server), url, timeout: TIMEOUT },
    put: (path, bytes) => putInto(server.folder, path, bytes),
    held: () => filesBelow(server.folder),
    close: () => link.close().then(() => server.stop()),
  };
}

const upload = (type: 'http' | 'flight-review', page: string) => async (): Promise<Subject> => {
  const home = await temporaryFolder();
  const receiver = await startReceiver({ folder: home.path });
  const link = new TcpLink();
  const { hostname: host, port } = new URL(receiver.url);
  const url = `http://${SERVER_NAME}:${await link.open({ host, port: Number(port) })}${page}`;
  return {
    ...{ end: 'target', link, size: BIG },
    options: { type, url, timeout: UPLOAD_TIMEOUT },
    held: () => Promise.all(receiver.received.map(({ path }) => readFile(path))),
    ...(type === 'flight-review' && { head: ULOG }),
    close: async () => {
      await link.close();
      await receiver.close();
      await home.remove();
    },
  };
};

async function mavlink(): Promise<Subject> {
  const home = await temporaryFolder();
  const root = join(home.path, 'log');
  await mkdir(root);
  const listen = { host: '127.0.0.1', port: 0 };
  const tools = { clock: new FastClock(), logger: new RecordingLogger() };
  const sim = await startSim({ folder: home.path, listen, like: 'px4', ...tools });
  const link = new UdpLink();
  const port = await link.open(sim.address);
  return {
    ...{ end: 'source', link, size: SIZE },
    options: { type: 'mavlink', url: `udp://127.0.0.1:0@${SERVER_NAME}:${port}`, root: '/log' },
    put: (path, bytes) => putInto(root, path, bytes),
    close: async () => {
      await link.close();
      await sim.close();
      await home.remove();
    },
  };
}

export const SUBJECTS = {
  'directory, source': () => directory('source'),
  'directory, target': () => directory('target'),
  'disk, source': () => drive('source'),
  'disk, target': () => drive('target'),
  'disk through FUSE, source': () => fuseDrive('source'),
  'disk through FUSE, target': () => fuseDrive('target'),
  'ftp, source': () => ftp('source'),
  'ftp, target': () => ftp('target'),
  'webdav, source': () => webdav('source'),
  'webdav, target': () => webdav('target'),
  'http, target': upload('http', '/plain'),
  'flight-review, target': upload('flight-review', ''),
  'mavlink, source': mavlink,
  'mavros by services, source': () => mavros('services'),
  'mavros by an endpoint, source': () => mavros('endpoint'),
} as const satisfies Record<string, () => Promise<Subject>>;
export type SubjectName = keyof typeof SUBJECTS;
