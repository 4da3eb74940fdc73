import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { RulePreview } from '../../src/preview/rule-preview.js';
import { startReceiver } from '../../src/demo/receiver.js';
import { startSim } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { eventually } from '../conformance/support.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { folders, put, states } from './parts.js';
import { Place } from './program.js';

interface Checked {
  readonly device: string;
  readonly ok: boolean;
  readonly message: string;
  readonly write?: string;
  readonly rules?: readonly RulePreview[];
}

interface DryRun {
  readonly rules: readonly RulePreview[];
  readonly files: readonly { path: string; to: readonly { device: string; path: string }[] }[];
}

/** Everything below the folder: names, times and contents. */
async function treeOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map(async entry => {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, size } = await stat(path);
    const content = entry.isFile() ? (await readFile(path)).toString('base64') : '';
    return `${relative(folder, path)} ${mtimeMs} ${entry.isFile() ? size : ''} ${content}`;
  });
  return (await Promise.all(lines)).sort();
}

/** Logs in day folders, as PX4 has them. */
async function putLogs(place: Place, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    await put(place.path(`inbox/2026-11-${10 + (index % 3)}/log${index}.ulg`), Buffer.alloc(100, index));
}

async function jsonOf<Value>(place: Place, ...args: string[]): Promise<Value> {
  const { stdout, stderr } = await place.run([...args, '--json']);
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Value;
}

const ofDevice = (results: readonly Checked[], name: string): Checked =>
  results.find(({ device }) => device === name) ?? assert.fail(`nothing is said of ${name}`);

describe('filesync sync --dry-run', function () {
  this.timeout(60_000);

  it('says what would go where, and changes nothing', () =>
    Place.with(async place => {
      await putLogs(place, 3);
      const config = await place.configure(
        folders({ rule: { include: ['**/*.ulg'], path: 'logs/{file.name}' } }),
      );
      const before = await treeOf(place.folder);
      const { code, stdout } = await place.run(['sync', '--dry-run', '-c', config]);
      assert.equal(code, 0);
      assert.match(stdout, /^rule 1: inbox -> outbox\n {2}3 files seen, 3 match, 3 to send \(300 B\)\n/m);
      assert.match(stdout, /^ {2}-> outbox: 3 files \(300 B\), such as logs\/log\d\.ulg$/m);
      assert.match(stdout, /^inbox:2026-11-11\/log1\.ulg \(100 B\) -> outbox:logs\/log1\.ulg$/m);
      assert.match(stdout, /nothing was changed: 3 files/);
      assert.deepEqual(await treeOf(place.folder), before);
    }));

  it('leaves out what was delivered, and leaves a database as it is', () =>
    Place.with(async place => {
      await putLogs(place, 2);
      const config = await place.configure(folders());
      assert.equal((await place.run(['sync', '-c', config])).code, 0);
      await put(place.path('inbox/new.ulg'), Buffer.alloc(7));
      const before = await treeOf(place.folder);
      const { rules, files } = await jsonOf<DryRun>(place, 'sync', '--dry-run', '-c', config);
      assert.equal(rules[0]?.delivered.files, 2);
      assert.deepEqual(rules[0].wanted, { files: 1, bytes: 7 });
      assert.equal(rules[0].firstContact, false);
      assert.deepEqual(files, [
        { device: 'inbox', path: 'new.ulg', size: 7, to: [{ device: 'outbox', path: 'new.ulg' }] },
      ]);
      assert.deepEqual(await treeOf(place.folder), before);
    }));

  it('needs no lock: it works beside a daemon, which goes on', () =>
    Place.with(async place => {
      await putLogs(place, 2);
      const config = await place.configure(folders({ top: { interval: '200ms' } }));
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/log1\.ulg -> outbox: delivered/);
      await daemon.says(/log0\.ulg -> outbox: delivered/);
      const { code, stdout } = await place.run(['sync', '--dry-run', '-c', config]);
      assert.equal(code, 0);
      assert.match(stdout, /2 files seen, 2 match, none to send; 2 delivered before/);
      await put(place.path('inbox/new.ulg'), Buffer.alloc(7));
      await daemon.says(/new\.ulg -> outbox: delivered/);
    }));

  it('suggests the pattern that was meant where none takes a file', () =>
    Place.with(async place => {
      await putLogs(place, 4);
      const config = await place.configure(folders({ rule: { include: ['*.ulg'] } }));
      const { stdout } = await place.run(['sync', '--dry-run', '-c', config]);
      assert.match(stdout, /4 files seen, 0 match, none to send/);
      assert.match(stdout, /note: include: \*\.ulg takes nothing here; \*\*\/\*\.ulg would take 4 files/);
      const results = await jsonOf<Checked[]>(place, 'check', '-c', config);
      const [rule] = ofDevice(results, 'inbox').rules ?? [];
      assert.deepEqual(rule?.suggestions, [{ pattern: '*.ulg', instead: '**/*.ulg', matching: 4 }]);
    }));

  it('exits with 1 where a source cannot be listed', () =>
    Place.with(async place => {
      const { code, stdout } = await place.run(['sync', '--dry-run', '-c', await place.configure(folders())]);
      assert.equal(code, 1);
      assert.match(stdout, /not all listed \(the folder .*inbox is not there/);
    }));

  it('exits with 2 where a device cannot work as it is configured', () =>
    Place.with(async place => {
      const holder = createSocket('udp4');
      await once(holder.bind(0, '127.0.0.1'), 'listening');
      place.use({ close: async () => holder.close() });
      const autopilot = { type: 'mavlink', url: `udp://127.0.0.1:${holder.address().port}@` };
      const config = await place.configure(folders({ devices: { autopilot }, rule: { from: 'autopilot' } }));
      const { code, stderr } = await place.run(['sync', '--dry-run', '-c', config]);
      assert.equal(code, 2);
      assert.match(stderr, /devices\.autopilot: UDP port .*taken/);
    }));

  it('asks at the first contact with many files, which check does as well', () =>
    Place.with(async place => {
      await putLogs(place, 21);
      const config = await place.configure(folders());
      for (const command of [['sync', '--dry-run'], ['check']]) {
        const { stdout } = await place.run([...command, '-c', config]);
        assert.match(stdout, /first contact with inbox: 21 files \(2\.1 kB\).*begin: new/);
      }
    }));
});

describe('filesync check, before the first run', function () {
  this.timeout(60_000);

  it('writes a probe on each target, unless it is told not to, and leaves nothing', () =>
    Place.with(async place => {
      await putLogs(place, 1);
      await mkdir(place.path('outbox'));
      const config = await place.configure(folders());
      const before = await treeOf(place.folder);
      const without = await place.run(['check', '-c', config, '--no-write']);
      assert.equal(without.code, 0, without.stdout);
      assert.doesNotMatch(without.stdout, /can write/);
      assert.deepEqual(await treeOf(place.folder), before);
      const { code, stdout } = await place.run(['check', '-c', config]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^ok +outbox .*can write, rename and delete there$/m);
      assert.deepEqual(await readdir(place.path('outbox')), []);
    }));

  it('finds a folder on an FTP server that refuses all writes', () =>
    Place.with(async place => {
      await putLogs(place, 1);
      const server = await startServer('vsftpd', { settings: { anon_upload_enable: 'NO' } });
      place.use({ close: () => server.stop() });
      const archive = { type: 'ftp', ...ftpOptions(server), password: { env: 'FTP_PASSWORD' } };
      const config = await place.configure(
        folders({ devices: { archive }, rule: { to: ['outbox', 'archive'] } }),
      );
      const env = { FTP_PASSWORD: server.password };
      const { code, stdout } = await place.run(['check', '-c', config], env);
      assert.equal(code, 1);
      assert.match(stdout, /^FAIL +archive +ftp +cannot write in \S+: .*550.*or name another root$/m);
      assert.equal((await place.run(['check', '-c', config, '--no-write'], env)).code, 0);
    }));

  it('says where a write would leave something, and writes nothing there', () =>
    Place.with(async place => {
      await putLogs(place, 1);
      const receiver = place.use(await startReceiver({ folder: place.path('site') }));
      const devices = { outbox: { type: 'http', url: `${receiver.url}/plain` } };
      const config = await place.configure(folders({ devices }));
      const results = await jsonOf<Checked[]>(place, 'check', '-c', config);
      const { ok, message, write } = ofDevice(results, 'outbox');
      assert.ok(ok, message);
      assert.match(message, /; not probed by a write$/);
      assert.equal(write, 'not probed');
      assert.deepEqual(receiver.received, []);
    }));

  it('prints what is wrong with a configuration as JSON', () =>
    Place.with(async place => {
      for (const command of [['check'], ['sync', '--dry-run']]) {
        const config = await place.configure({ ...folders(), rules: [{ from: 'inbox', to: ['outbxo'] }] });
        const { code, stdout } = await place.run([...command, '-c', config, '--json']);
        assert.equal(code, 2);
        assert.match((JSON.parse(stdout) as { error: string }).error, /unknown device "outbxo".*outbox/);
      }
    }));

  it('suggests to make a configuration where there is none', () =>
    Place.with(async place => {
      for (const command of ['check', 'sync', 'status']) {
        const { code, stderr } = await place.run([command], { HOME: place.path('nobody') });
        assert.equal(code, 2);
        assert.match(stderr, /no configuration: .*filesync init/);
      }
    }));
});

/** A port that no program has. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await once(socket.bind(0, '127.0.0.1'), 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

describe('filesync sync, with one fault and many files', function () {
  this.timeout(120_000);

  it('logs the fault in a few lines', () =>
    Place.with(async place => {
      await putLogs(place, 50);
      const server = await startServer('vsftpd', { settings: { anon_upload_enable: 'NO' } });
      place.use({ close: () => server.stop() });
      const archive = { type: 'ftp', ...ftpOptions(server), password: { env: 'FTP_PASSWORD' } };
      const config = await place.configure(
        folders({ devices: { archive }, rule: { to: ['outbox', 'archive'] } }),
      );
      const { code, stderr } = await place.run(['sync', '-c', config], { FTP_PASSWORD: server.password });
      assert.equal(code, 1);
      assert.equal((await states(place, config)).filter(one => one.endsWith(' PARTIAL')).length, 50);
      const troubles = stderr.split('\n').filter(line => / (WARN|ERROR) /.test(line));
      assert.ok(troubles.length <= 4, troubles.join('\n'));
      assert.match(troubles.at(-1) ?? '', /archive: .*550.*50 files have failed like that, in \d+ attempts$/);
    }));
});

describe('filesync check, beside a daemon', function () {
  this.timeout(120_000);

  it('asks the daemon for a device under a lock, which two processes would not keep apart', () =>
    Place.with(async place => {
      await putLogs(place, 1);
      const outbox = { type: 'directory', path: './outbox', lock: 'radio' };
      const config = await place.configure(folders({ devices: { outbox } }));
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/log0\.ulg -> outbox: delivered/);
      const results = await jsonOf<Checked[]>(place, 'check', '-c', config);
      assert.match(ofDevice(results, 'outbox').message, /\(reported by the running daemon\)$/);
      assert.doesNotMatch(ofDevice(results, 'inbox').message, /reported/);
      await daemon.kill('SIGTERM');
      assert.equal(ofDevice(await jsonOf<Checked[]>(place, 'check', '-c', config), 'outbox').write, 'ok');
    }));

  it('asks the daemon for the vehicle whose port it has', () =>
    Place.with(async place => {
      await put(place.path('card/log/sess001/log100.ulg'), Buffer.alloc(5000, 1));
      await put(place.path('card/log/sess001/log101.ulg'), Buffer.alloc(5000, 2));
      const tools = { clock: systemClock, logger: new RecordingLogger() };
      const listen = { host: '127.0.0.1', port: 0 };
      const sim = await startSim({ listen, folder: place.path('card'), like: 'px4', ...tools });
      place.use({ close: () => sim.close() });
      const url = `udp://127.0.0.1:${await freePort()}@127.0.0.1:${sim.address.port}`;
      const autopilot = { type: 'mavlink', url, root: '/log' };
      const config = await place.configure(folders({ devices: { autopilot }, rule: { from: 'autopilot' } }));
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      await eventually(
        async () => (await states(place, config)).filter(one => one.endsWith('UPLOADED')).length === 2,
      );
      const results = await jsonOf<Checked[]>(place, 'check', '-c', config);
      const { ok, message, rules } = ofDevice(results, 'autopilot');
      assert.ok(ok, message);
      assert.match(message, /\(reported by the running daemon\)$/);
      assert.equal(rules?.[0]?.listed, 'records');
      assert.equal(rules[0].delivered.files, 2);
      assert.equal(ofDevice(results, 'outbox').write, 'ok');
      const text = await place.run(['sync', '--dry-run', '-c', config]);
      assert.equal(text.code, 0, text.stdout + text.stderr);
      assert.match(
        text.stdout,
        /2 files in the records of the running daemon, 2 match, none to send; 2 delivered/,
      );
      await daemon.kill('SIGTERM');
    }));
});
