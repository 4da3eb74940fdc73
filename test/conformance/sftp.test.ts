import { sftpSourceBench, sftpTargetBench } from '../servers/sftp-bench.js';
import {
  startSftpServer,
  type SftpServer,
  type SftpServerKind,
  type SftpServerOptions,
} from '../servers/sftp-servers.js';
import { sourceConformance } from './source.js';
import { targetConformance } from './target.js';

function onServer(title: string, kind: SftpServerKind, options: SftpServerOptions = {}): void {
  describe(title, () => {
    let server: SftpServer;
    before(async () => {
      server = await startSftpServer(kind, options);
    });
    after(() => server.stop());
    sourceConformance(`sftp, ${title}`, () => sftpSourceBench(server));
    targetConformance(`sftp, ${title}`, () => sftpTargetBench(server));
  });
}

onServer('OpenSSH', 'openssh');
onServer('OpenSSH without a shell', 'openssh', { settings: { ForceCommand: 'internal-sftp' } });
onServer('ProFTPD', 'proftpd');
