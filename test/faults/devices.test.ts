import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flightReview } from '../../src/devices/flight-review.js';
import { http } from '../../src/devices/http.js';
import { httpBench } from '../conformance/http-bench.js';
import { mavlinkBench } from '../conformance/mavlink-bench.js';
import { davSourceBench, davTargetBench } from '../servers/dav-bench.js';
import { startDavServer, type DavServer, type DavServerKind } from '../servers/dav-servers.js';
import { ftpBench } from '../servers/ftp-bench.js';
import { startServer, type FtpServer, type ServerKind } from '../servers/ftp-servers.js';
import { ftpSourceBench } from '../servers/ftp-source-bench.js';
import { s3SourceBench, s3TargetBench } from '../servers/s3-bench.js';
import { startSwift, SWIFT_START_MS, type S3Server } from '../servers/s3-servers.js';
import { sftpSourceBench, sftpTargetBench } from '../servers/sftp-bench.js';
import {
  knownHosts,
  startSftpServer,
  type SftpServer,
  type SftpServerKind,
} from '../servers/sftp-servers.js';
import { startTusServer, tusBench } from '../servers/tus-server.js';
import type { FaultProxy } from './fault.js';
import { sourceFaults } from './source-faults.js';
import { targetFaults } from './target-faults.js';
import { ftpDataThroughProxy, TcpFaultProxy } from './tcp-proxy.js';
import { UdpFaultProxy } from './udp-proxy.js';

/** Silence after which a device gives up. */
const timeout = '400ms';
/** Likewise; a login by SSH takes a while on a machine that is busy. */
const SSH_TIMEOUT = '1s';
/** Likewise; an object store in Python takes its time. */
const STORE_TIMEOUT = '2s';
/** Of a log on an autopilot; bytes. */
const LOG = 100_000;

/** A device and the proxy in front of what it talks to, as one thing. */
async function behind<Bench extends { close(): Promise<void> }>(proxy: FaultProxy, made: Promise<Bench>) {
  const bench = await made;
  const close = async (): Promise<void> => {
    await bench.close();
    await proxy.close();
  };
  return { ...bench, struck: () => proxy.struck, close };
}

function onFtpServer(kind: ServerKind): void {
  describe(kind, () => {
    let server: FtpServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());
    sourceFaults(`ftp, ${kind}`, async fault => {
      const proxy = new TcpFaultProxy(fault, ftpDataThroughProxy);
      const place = { ...server, port: await proxy.open(server) };
      return behind(proxy, ftpSourceBench(place, kind, { timeout }));
    });
    targetFaults(`ftp, ${kind}`, async fault => {
      const proxy = new TcpFaultProxy(fault, ftpDataThroughProxy);
      return behind(proxy, ftpBench({ ...server, port: await proxy.open(server) }, { timeout }));
    });
  });
}

/** The server, by way of the proxy; its host key is the same. */
async function sftpThrough(proxy: TcpFaultProxy, server: SftpServer): Promise<SftpServer> {
  const port = await proxy.open(server);
  const known = join(server.home, `known_hosts_${port}`);
  await writeFile(known, await knownHosts([join(server.home, 'host_ed25519')], port));
  return { ...server, port, knownHosts: known };
}

function onSftpServer(kind: SftpServerKind, title: string): void {
  describe(title, () => {
    let server: SftpServer;
    before(async () => {
      server = await startSftpServer(kind);
    });
    after(() => server.stop());
    sourceFaults(`sftp, ${title}`, async fault => {
      const proxy = new TcpFaultProxy(fault);
      return behind(proxy, sftpSourceBench(await sftpThrough(proxy, server), { timeout: SSH_TIMEOUT }));
    });
    targetFaults(`sftp, ${title}`, async fault => {
      const proxy = new TcpFaultProxy(fault);
      return behind(proxy, sftpTargetBench(await sftpThrough(proxy, server), { timeout: SSH_TIMEOUT }));
    });
  });
}

/** The server, by way of the proxy. */
async function davThrough(proxy: TcpFaultProxy, server: DavServer): Promise<DavServer> {
  const url = new URL(server.url);
  url.port = String(await proxy.open({ host: url.hostname, port: Number(url.port) }));
  return { ...server, url: url.href.replace(/\/$/, '') };
}

function onDavServer(kind: DavServerKind, title: string): void {
  describe(title, () => {
    let server: DavServer;
    before(async () => {
      server = await startDavServer(kind);
    });
    after(() => server.stop());
    sourceFaults(`webdav, ${title}`, async fault => {
      const proxy = new TcpFaultProxy(fault);
      return behind(proxy, davSourceBench(await davThrough(proxy, server), {}, { timeout }));
    });
    targetFaults(`webdav, ${title}`, async fault => {
      const proxy = new TcpFaultProxy(fault);
      return behind(proxy, davTargetBench(await davThrough(proxy, server), { timeout }));
    });
  });
}

onFtpServer('vsftpd');
onFtpServer('proftpd');
onDavServer('nginx', 'nginx');
onDavServer('apache', 'Apache');
onSftpServer('openssh', 'OpenSSH');
onSftpServer('proftpd', 'ProFTPD');

targetFaults('http, embedded receiver', async fault => {
  const proxy = new TcpFaultProxy(fault);
  return behind(
    proxy,
    httpBench(http, '/plain', { timeout }, to => proxy.open(to)),
  );
});
targetFaults('flight-review, embedded receiver', async fault => {
  const proxy = new TcpFaultProxy(fault);
  return behind(
    proxy,
    httpBench(flightReview, '', { timeout }, to => proxy.open(to)),
  );
});

targetFaults('tus, @tus/server', async fault => {
  const proxy = new TcpFaultProxy(fault);
  const server = await startTusServer();
  return behind(
    proxy,
    tusBench(server, { timeout }, to => proxy.open(to)),
  );
});

describe('OpenStack Swift', () => {
  let server: S3Server;
  before(async function () {
    this.timeout(SWIFT_START_MS);
    server = await startSwift();
  });
  after(() => server.stop());
  const through = async (proxy: TcpFaultProxy) => ({
    ...server,
    url: `http://${server.host}:${await proxy.open(server)}`,
  });
  sourceFaults('s3, OpenStack Swift', async fault => {
    const proxy = new TcpFaultProxy(fault);
    return behind(proxy, s3SourceBench(server, { timeout: STORE_TIMEOUT }, await through(proxy)));
  });
  targetFaults('s3, OpenStack Swift', async fault => {
    const proxy = new TcpFaultProxy(fault);
    return behind(proxy, s3TargetBench(server, { timeout: STORE_TIMEOUT }, await through(proxy)));
  });
});

sourceFaults('mavlink, simulated PX4', async fault => {
  const proxy = new UdpFaultProxy(fault);
  return behind(
    proxy,
    mavlinkBench({}, {}, LOG, to => proxy.open(to)),
  );
});
