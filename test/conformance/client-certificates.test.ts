import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { DeviceType } from '../../src/config/definition.js';
import { flightReview } from '../../src/devices/flight-review.js';
import { ftp } from '../../src/devices/ftp.js';
import { http } from '../../src/devices/http.js';
import { webdav } from '../../src/devices/webdav.js';
import { makeCertificates, type Certificates } from '../servers/certificates.js';
import { davOptions } from '../servers/dav-bench.js';
import { startDavServer } from '../servers/dav-servers.js';
import { makeTarget } from '../servers/device.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { Events, never, outgoing } from '../servers/outgoing.js';
import { failsWith } from './support.js';
import { temporaryFolder } from './temp-folder.js';

const ULOG = Buffer.concat([Buffer.from('554c6f6701123501', 'hex'), Buffer.alloc(1000)]);

describe('client certificates', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let files: Certificates;
  let server: Server;
  let port: number;
  let stored: string[];

  before(async () => {
    folder = await temporaryFolder();
    files = await makeCertificates(join(folder.path, 'tls'));
    const [ca, cert, key] = await Promise.all(
      [files.ca, files.certificate, files.key].map(at => readFile(at)),
    );
    const material = { ca, cert, key, requestCert: true, rejectUnauthorized: true };
    server = createServer(material, (request, response) => {
      request.resume().on('end', () => {
        if (request.method !== 'POST') return response.writeHead(404).end();
        stored.push(request.url ?? '');
        response.writeHead(302, { Location: '/plot_app?log=1' }).end();
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  beforeEach(() => {
    stored = [];
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await folder.remove();
  });

  const write = async (type: DeviceType, more: object) => {
    const target = await makeTarget(type, { url: `https://127.0.0.1:${port}`, tls_ca: files.ca, ...more });
    try {
      return await target.write(outgoing(ULOG), 'log.ulg', 0, never, new Events());
    } finally {
      await target.close();
    }
  };
  const mine = () => ({ tls_cert: files.certificate, tls_key: files.key });

  for (const type of [http, flightReview]) {
    it(`${type.type} presents the one of tls_cert, and without it nothing was delivered`, async () => {
      const error = await failsWith(() => write(type, {}), 'unavailable');
      assert.match(error.message, /client certificate: set tls_cert and tls_key/);
      assert.deepEqual(stored, []);
      await write(type, mine());
      await write(type, { tls_cert: files.both });
      assert.equal(stored.length, 2);
    });
  }

  it('webdav presents the one of tls_cert', async () => {
    const without = await failsWith(() => write(webdav, {}), 'unavailable');
    assert.match(without.message, /client certificate: set tls_cert and tls_key/);
    const refused = await failsWith(() => write(webdav, mine()), 'rejected', 'not-found', 'unsupported');
    assert.doesNotMatch(refused.message, /certificate/);
  });

  it('nginx, which asks for one in an answer of HTTP, gets the one of tls_cert', async () => {
    const nginx = await startDavServer('nginx', { tls: true, clientCertificates: true });
    try {
      const options = davOptions(nginx);
      for (const type of [http, webdav]) {
        const { url, tls_ca } = options;
        const more = type === webdav ? options : { url: `${url}/a.ulg`, tls_ca, method: 'PUT', body: 'raw' };
        const error = await failsWith(() => write(type, more), 'denied');
        assert.match(error.message, /client certificate: set tls_cert and tls_key/);
      }
      const folder = dirname(nginx.ca ?? '');
      const pair = { tls_cert: join(folder, 'server.pem'), tls_key: join(folder, 'server.key') };
      await write(webdav, { ...options, ...pair });
      assert.ok((await readFile(join(nginx.folder, 'log.ulg'))).equals(ULOG));
    } finally {
      await nginx.stop();
    }
  });

  it('ftp presents the one of tls_cert to vsftpd', async () => {
    const settings = { require_cert: 'YES', validate_cert: 'YES', ca_certs_file: files.ca };
    const vsftpd = await startServer('vsftpd', { tls: true, settings });
    try {
      const options = ftpOptions(vsftpd);
      const error = await failsWith(
        () => write(ftp, { ...options, url: undefined }),
        'unavailable',
        'denied',
      );
      assert.match(error.message, /client certificate: set tls_cert/);
      const { location } = await write(ftp, { ...options, ...mine(), url: undefined });
      assert.match(location ?? '', /log\.ulg$/);
    } finally {
      await vsftpd.stop();
    }
  });

  it('a file that is missing, or no key, is an error that names the option', async () => {
    const missing = { tls_cert: join(folder.path, 'none.pem') };
    assert.match(
      (await failsWith(() => write(http, missing), 'config')).message,
      /tls_cert: .*none\.pem cannot/,
    );
    const noKey = { ...mine(), tls_key: join(folder.path, 'key.pem') };
    await writeFile(noKey.tls_key, 'no key');
    const error = await failsWith(() => write(http, noKey), 'config');
    assert.match(error.message, /tls_cert and tls_key are not .*without a passphrase/);
    const alone = await failsWith(() => write(http, { tls_key: files.key }), 'config');
    assert.match(alone.message, /tls_key is set without tls_cert/);
    assert.deepEqual(stored, []);
  });
});
