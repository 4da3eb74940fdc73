import { userInfo } from 'node:os';
import { startFtpServer, type FtpServer as EmbeddedServer } from '../../src/demo/ftp-server.js';
import { ftpSourceBench } from '../servers/ftp-source-bench.js';
import { startServer, type FtpServer, type ServerKind, type ServerOptions } from '../servers/ftp-servers.js';
import { sourceConformance } from './source.js';
import { temporaryFolder } from './temp-folder.js';

function onServer(kind: ServerKind, title: string, options: ServerOptions = {}): void {
  describe(title, () => {
    let server: FtpServer;
    before(async () => {
      server = await startServer(kind, options);
    });
    after(() => server.stop());
    sourceConformance(`ftp, ${title}`, () => ftpSourceBench(server, kind));
  });
}

for (const kind of ['vsftpd', 'proftpd', 'pure-ftpd'] as const) {
  if (kind === 'pure-ftpd' && userInfo().uid !== 0) continue;
  onServer(kind, kind);
  onServer(kind, `${kind} with TLS`, { tls: true });
}
onServer('vsftpd', 'vsftpd that admits one connection', { settings: { max_per_ip: 1 } });
if (userInfo().uid !== 0) {
  it('pure-ftpd: conformance of a source (its logins work only when it runs as root: sudo make test)');
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
  const setup = () => {
    const { host, port } = server;
    return ftpSourceBench({ ...account, host, port, folder: folder.path, root: '/' }, 'embedded');
  };
  sourceConformance('ftp, embedded server', setup, {
    'no handle stays open after use':
      'the server runs in this process and leaves its own file open when a download is cut',
  });
});
