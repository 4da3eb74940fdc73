import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { makeCertificates } from '../servers/certificates.js';
import { startDavServer } from '../servers/dav-servers.js';
import { Place } from './program.js';

/** Where a connection to a target can fail, and what is then said of it. */
const WORDS = {
  name: /nowhere\.invalid (has no known address|cannot be looked up)/,
  connection: /127\.0\.0\.1\S* refuses connections: check that the server runs, and the port/,
  tls: /127\.0\.0\.1\S* presents a certificate of an unknown authority.*tls_ca/,
  speech: /127\.0\.0\.1\S* does not speak TLS on that port/,
  login: /127\.0\.0\.1\S* .*(check user and password|refused the login)/,
} as const;

type Step = keyof typeof WORDS;

async function listening(place: Place, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  place.use({ close });
  return (server.address() as AddressInfo).port;
}

/** A device for each step at which one can fail, of each kind that goes over a network. */
async function devicesOn(place: Place): Promise<Record<string, object>> {
  const { certificate, key } = await makeCertificates(place.path('tls'));
  const files = { cert: await readFile(certificate), key: await readFile(key) };
  const secure = await listening(
    place,
    createHttps(files, (_, response) => response.end()),
  );
  const challenge = { 'WWW-Authenticate': 'Basic realm="files"' };
  const closed = await listening(
    place,
    createHttp((_, response) => response.writeHead(401, challenge).end()),
  );
  const ftp = place.use(
    await startFtpServer({ folder: place.path('ftp'), user: 'u', password: 'right', signals: process }),
  );
  const urls = (path: string) => ({
    name: `http://nowhere.invalid${path}`,
    connection: `http://127.0.0.1:1${path}`,
    tls: `https://127.0.0.1:${secure}${path}`,
    speech: `https://127.0.0.1:${closed}${path}`,
  });
  const web = (type: string, path: string, more = {}) =>
    Object.entries(urls(path)).map(([step, url]) => [`${type}_${step}`, { type, url, ...more }] as const);
  const user = { user: 'u', password: 'wrong' };
  return {
    ...Object.fromEntries([...web('http', '/in'), ...web('flight-review', ''), ...web('webdav', '/', user)]),
    webdav_login: { type: 'webdav', url: `http://127.0.0.1:${closed}/`, ...user },
    ftp_name: { type: 'ftp', host: 'nowhere.invalid' },
    ftp_connection: { type: 'ftp', host: '127.0.0.1', port: 1 },
    ftp_login: { type: 'ftp', host: '127.0.0.1', port: ftp.port, ...user },
  };
}

describe('filesync check, of targets on a network', function () {
  this.timeout(60_000);

  it('says at which step each fails: name, connection, TLS or login', () =>
    Place.with(async place => {
      const devices = await devicesOn(place);
      const config = await place.configure({ devices, rules: [] });
      const { code, stdout } = await place.run(['check', '-c', config, '--json']);
      assert.equal(code, 1);
      const findings = JSON.parse(stdout) as { device: string; ok: boolean; message: string }[];
      assert.equal(findings.length, Object.keys(devices).length);
      for (const { device, ok, message } of findings) {
        const step = device.slice(device.indexOf('_') + 1) as Step;
        assert.equal(ok, false, `${device} is said to work: ${message}`);
        assert.match(message, WORDS[step], device);
        assert.doesNotMatch(message, /wrong/);
      }
    }));

  it('asks a target nothing but what a target needs: its folder is made with the first file', () =>
    Place.with(async place => {
      const server = await startDavServer('nginx');
      place.use({ close: () => server.stop() });
      const { url, user } = server;
      await mkdir(place.path('in'));
      const config = await place.configure({
        devices: {
          folder: { type: 'directory', path: './in' },
          cloud: { type: 'webdav', url: `${url}/new`, user, password: { env: 'DAV_PASSWORD' } },
        },
        rules: [{ from: 'folder', to: ['cloud'] }],
      });
      const { code, stdout } = await place.run(['check', '-c', config], { DAV_PASSWORD: server.password });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^ok +cloud .*the folder is made with the first file/m);
    }));

  it('warns of secrets that others may read, and of logins that travel unencrypted', () =>
    Place.with(async place => {
      const url = 'http://203.0.113.1/in';
      const login = { user: 'u', password: { env: 'PW' } };
      const sent = { timeout: '100ms' };
      await mkdir(place.path('in'));
      await writeFile(place.path('pw'), 'geheim', { mode: 0o644 });
      await writeFile(place.path('closed'), 'geheim', { mode: 0o600 });
      const file = await place.configure({
        devices: {
          cam: { type: 'directory', path: './in' },
          literal: { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u', password: 'geheim' },
          pointed: { type: 'webdav', url: 'https://127.0.0.1:1/', user: 'u', password: { file: './pw' } },
          closed: { type: 'webdav', url: 'https://127.0.0.1:1/', user: 'u', password: { file: './closed' } },
          plain: { type: 'webdav', url, ...login, ...sent },
          token: { type: 'http', url, headers: { Authorization: { env: 'PW' } }, ...sent },
          public: { type: 'http', url, headers: { 'X-Name': 'drone' }, ...sent },
          far: { type: 'ftp', host: 'ftp.invalid', ...login },
          secure: { type: 'ftp', host: 'ftp.invalid', tls: true, ...login },
          anonymous: { type: 'ftp', host: 'ftp.invalid' },
        },
        rules: [{ from: 'cam', to: ['literal'] }],
      });
      await chmod(file, 0o644);
      const { stderr } = await place.run(['check', '--no-write', '-c', file], { PW: 'geheim' });
      const warnings = stderr.split('\n').filter(line => /every user|unencrypted/.test(line));
      assert.deepEqual(warnings, [
        `warning: devices.literal.password: every user of this machine may read the secret in ${file}: chmod o= ${file}`,
        `warning: devices.pointed.password: every user of this machine may read the secret in ${place.path('pw')}: chmod o= ${place.path('pw')}`,
        'warning: devices.plain: the secret for 203.0.113.1 and all files travel unencrypted: write https:// for http://',
        'warning: devices.token: the secret for 203.0.113.1 and all files travel unencrypted: write https:// for http://',
        'warning: devices.far: the secret for ftp.invalid and all files travel unencrypted: set tls: true',
      ]);
      await chmod(file, 0o640);
      const again = await place.run(['check', '--no-write', '-c', file], { PW: 'geheim' });
      assert.doesNotMatch(again.stderr, /devices\.literal.*every user/);
      assert.doesNotMatch(again.stdout + again.stderr, /geheim/);
    }));
});
