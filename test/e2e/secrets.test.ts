import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';
import { routes } from '../../src/api/routes.js';
import { bare, type Shape } from '../../src/config/introspect.js';
import { isSecret } from '../../src/config/options.js';
import { notifySchema } from '../../src/config/notify.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { eventually } from '../conformance/support.js';
import { rcloneProgram } from '../servers/rclone-bench.js';
import { scriptedFtp } from '../servers/scripted-ftp.js';
import { ask, bearer, LOCKED, TOKENS, WRITE } from '../unit/web/serving.js';
import { Place, type Program } from './program.js';

/** What every secret of the configuration begins with. */
const CANARY = 'canary';

/** The options of that schema that are secrets, or maps of them. */
const secretsOf = (schema: { readonly shape: Shape }): string[] =>
  Object.entries(schema.shape).flatMap(([key, option]) => {
    const inner = bare(option);
    const isMap = inner instanceof z.ZodRecord && isSecret(bare(inner.valueType as z.ZodType));
    return isMap || isSecret(inner) ? [key] : [];
  });

/** `type.option` of every secret that a device can have. */
const ALL = deviceTypes.flatMap(({ type, options }) => secretsOf(options).map(option => `${type}.${option}`));

/** A server that refuses everything, and repeats what it was sent. */
async function repeating(place: Place): Promise<string> {
  const server = createServer((asked, response) => {
    const { authorization, cookie, 'x-api-key': key } = asked.headers;
    const said = `no: ${authorization} ${String(key)} ${cookie}`;
    const challenge = { 'www-authenticate': 'Basic realm="files"' };
    asked.resume().once('end', () => {
      if (authorization === undefined) response.writeHead(401, challenge).end(said);
      else response.writeHead(403).end(said);
    });
  }).listen(0, '127.0.0.1');
  await eventually(async () => server.listening);
  place.use({
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A key for SSH in the form that OpenSSL writes. */
function encryptedKey(passphrase: string): string {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase },
  });
  return privateKey;
}

interface Configured {
  readonly config: { readonly devices: Record<string, Record<string, unknown>> };
  readonly env: Record<string, string>;
  /** Every secret value. */
  readonly values: readonly string[];
}

/** Each secret is in a variable, in a file and in the configuration itself in turn. */
async function configured(place: Place): Promise<Configured> {
  const site = await repeating(place);
  const { port, server } = await scriptedFtp({ USER: '331 {line}', PASS: '530 no: {line}' });
  place.use({ close: async () => void server.close() });
  const env: Record<string, string> = {};
  const values: string[] = [];
  const secret = async (name: string): Promise<unknown> => {
    const value = `${CANARY}-${name}-${values.length}`;
    values.push(value);
    if (values.length % 3 === 0) return value;
    if (values.length % 3 === 1) {
      env[`SECRET_${values.length}`] = value;
      return { env: `SECRET_${values.length}` };
    }
    await writeFile(place.path(`secret-${values.length}`), `${value}\n`);
    return { file: `secret-${values.length}` };
  };
  const devices = {
    inbox: { type: 'directory', path: './inbox' },
    autopilot: { type: 'mavlink', url: 'tcp://127.0.0.1:9', signing_key: await secret('signing') },
    archive: { type: 'ftp', host: '127.0.0.1', port, user: 'u', password: await secret('ftp') },
    cloud: { type: 'webdav', url: `${site}/dav`, user: 'u', password: await secret('webdav') },
    review: {
      ...{ type: 'flight-review', url: `${site}/review`, user: 'u', password: await secret('review') },
      headers: { Cookie: await secret('cookie') },
    },
    site: {
      ...{ type: 'http', url: `${site}/upload`, user: 'u', password: await secret('http') },
      headers: { Authorization: await secret('header'), 'X-Api-Key': await secret('key') },
    },
    uploads: {
      ...{ type: 'tus', url: `${site}/tus`, user: 'u', password: await secret('tus') },
      headers: { 'X-Api-Key': await secret('token') },
    },
    drive: {
      ...{ type: 'rclone', remote: 'drive:', config: 'rclone.conf', program: await rcloneProgram() },
      config_password: await secret('rclone'),
    },
    nas: {
      ...{ type: 'sftp', host: '127.0.0.1', port: 9, user: 'u', password: await secret('sftp') },
      ...{ key: { file: 'id_rsa' }, known_hosts: 'known_hosts', passphrase: await secret('passphrase') },
    },
    store: {
      ...{ type: 's3', endpoint: `${site}/s3`, bucket: 'logs', access_key: 'u' },
      ...{ secret_key: await secret('s3'), session_token: await secret('session') },
    },
  };
  const passphrase = values.find(value => value.includes('-passphrase-')) ?? '';
  await writeFile(place.path('known_hosts'), '');
  await writeFile(
    place.path('rclone.conf'),
    '# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n',
  );
  await writeFile(place.path('id_rsa'), encryptedKey(passphrase), { mode: 0o600 });
  const notify = [
    {
      ...{ on: ['failed', 'offline', 'flight'], after: 0, url: `${site}/notify` },
      ...{ headers: { Authorization: await secret('notify') }, secret: await secret('hmac') },
    },
  ];
  const rules = [
    {
      ...{ from: 'inbox', settle: 0 },
      to: ['archive', 'cloud', 'site', 'review', 'uploads', 'nas', 'drive', 'store'],
    },
    { from: 'autopilot', to: ['archive'] },
  ];
  env['PROXY_PASSWORD'] = `${CANARY}-environment`;
  env['http_proxy'] = `http://user:${CANARY}-proxy@127.0.0.1:9`;
  values.push(`${CANARY}-environment`, `${CANARY}-proxy`, ...Object.values(TOKENS));
  const web = { listen: '127.0.0.1:0', ...LOCKED };
  return { config: { devices, rules, notify, web, interval: '1s' } as Configured['config'], env, values };
}

/** What the stream of events sends from now on. */
async function eventsOf(port: number): Promise<{ read: () => string; close: () => void }> {
  const options = { host: '127.0.0.1', port, path: '/api/v1/events', headers: bearer('read') };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(options, resolve).once('error', reject).end();
  });
  let seen = '';
  response.on('data', (data: Buffer) => (seen += data.toString())).on('error', () => undefined);
  return { read: () => seen, close: () => response.destroy() };
}

async function portOf(program: Program): Promise<number> {
  await program.says(/web page: http:\/\/127\.0\.0\.1:\d+\//);
  return Number(/web page: http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stderr)?.[1]);
}

describe('secrets', () => {
  it('are in no answer, event, metric or line of the log, whichever option has them', () =>
    Place.with(async place => {
      const { config, env, values } = await configured(place);
      const used = Object.values(config.devices).flatMap(({ type, ...options }) =>
        Object.keys(options).map(option => `${String(type)}.${option}`),
      );
      assert.deepEqual(
        ALL.filter(option => !used.includes(option)),
        [],
        'an option with a secret is not tried here',
      );
      assert.deepEqual(secretsOf(notifySchema), ['headers', 'secret']);
      for (const folder of ['inbox']) await mkdir(place.path(folder), { recursive: true });
      await writeFile(place.path('inbox', 'flight.ulg'), 'bytes');
      await place.configure(config);
      const program = place.start(['run', '-c', 'filesync.yaml', '--log-level', 'debug'], env);
      const port = await portOf(program);
      const events = await eventsOf(port);
      // Each server has refused its secret, and what it said of it was shown.
      await eventually(async () => {
        const { body } = await ask(port, '/api/v1/status', { headers: bearer('read') });
        const { devices } = JSON.parse(body) as { devices: { name: string; reason: string }[] };
        const said = (name: string) =>
          devices.some(device => device.name === name && /no: .*\*\*\*/.test(device.reason));
        const failed = (name: string) => program.stderr.includes(`DeliveryFailed (${name})`);
        return ['archive', 'cloud'].every(said) && ['site', 'review'].every(failed);
      });
      const found: Record<string, string> = {};
      const { body: list } = await ask(port, '/api/v1/files', { headers: bearer('read') });
      const [{ id = '' } = {}] = (JSON.parse(list) as { files: { id: string }[] }).files;
      for (const { method, path, type } of routes) {
        if (type === 'text/event-stream') continue;
        const at = `/api/v1${path.replace('{id}', id).replace('{name}', 'site')}`;
        const scope = method === 'GET' ? 'read' : 'operate';
        const body = method === 'GET' ? '' : '{"all":true}';
        const answer = await ask(port, at, { method, headers: { ...WRITE, ...bearer(scope) }, body });
        found[`${method} ${path}`] = JSON.stringify(answer);
      }
      for (const path of ['/', '/metrics', '/healthz'])
        found[path] = JSON.stringify(
          await ask(port, path, { headers: bearer(path === '/' ? 'read' : 'metrics') }),
        );
      for (const command of ['status', 'files', 'check', 'show', 'flights'])
        found[command] = JSON.stringify(
          await place.run(
            [command, ...(command === 'show' ? [id] : []), '-c', 'filesync.yaml', '--json'],
            env,
          ),
        );
      found['events'] = events.read();
      events.close();
      await program.kill('SIGTERM');
      found['log'] = program.stderr;
      assert.match(found['/metrics'] ?? '', /filesync_http_requests_total/);
      assert.match(found['events'] ?? '', /^(id|event|data):/m);
      for (const [where, said] of Object.entries(found))
        for (const value of [...values, ...values.map(one => Buffer.from(one).toString('base64'))])
          assert.ok(!said.includes(value), `${value} is in ${where}: ${said.slice(0, 2000)}`);
    })).timeout(120_000);
});
