import { userInfo } from 'node:os';
import { startFtpServer, type FtpServer as EmbeddedServer } from '../../src/demo/ftp-server.js';
import { ftpBench } from '../servers/ftp-bench.js';
import { startServer, type FtpServer, type ServerKind, type ServerOptions } from '../servers/ftp-servers.js';
import { temporaryFolder } from './temp-folder.js';
import { targetConformance } from './target.js';

function onServer(title: string, kind: ServerKind, options: ServerOptions = {}): void {
  describe(title, () => {
    let server: FtpServer;
    before(async () => {
      server = await startServer(kind, options);
    });
    after(() => server.stop());
    targetConformance(`ftp, ${title}`, () => ftpBench(server));
  });
}

onServer('vsftpd', 'vsftpd');
onServer('vsftpd with TLS', 'vsftpd', { tls: true });
onServer('vsftpd that admits one connection', 'vsftpd', { settings: { max_per_ip: 1 } });
onServer('proftpd', 'proftpd');
if (userInfo().uid === 0) {
  onServer('pure-ftpd', 'pure-ftpd');
} else {
  it('pure-ftpd: conformance of a target (its logins work only when it runs as root: sudo make test)');
}

describe('the embedded FTP server', () => {
  const account = { user: 'pilot', password: 'correct horse' };
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: EmbeddedServer;
  before(async () => {
    folder = await temporaryFolder();
    server = await startFtpServer({ ...account, folder: folder.path, signals: process });
  });
  after(async () => {
    await server.close();
    await folder.remove();
  });
  targetConformance('ftp, embedded server', () =>
    ftpBench({ ...account, host: server.host, port: server.port, folder: folder.path, root: '/' }),
  );
});
