import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver } from '../../src/demo/receiver.js';
import { eventually, sample } from '../conformance/support.js';
import { filesBelow, folders, put, records, states, sync } from './parts.js';
import { Place } from './program.js';

const BYTES = Buffer.from(sample(2000));
const OTHERS = Buffer.from(sample(2000, 7));
const SIZE_AND_TIME = async (path: string) => {
  const { size, mtimeMs } = await stat(path);
  return `${path} ${size} ${mtimeMs}`;
};

async function tree(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(names.map(name => SIZE_AND_TIME(join(folder, name))));
}

const verify = (place: Place, config: string, ...options: string[]) =>
  place.run(['verify', '-c', config, ...options]);

interface Report {
  readonly devices: readonly { readonly device: string; readonly counts: Record<string, number> }[];
  readonly faults: readonly Record<string, string>[];
  readonly unknown: readonly { readonly device: string; readonly path: string }[];
  readonly unknown_total: number;
  readonly changed?: readonly string[];
  readonly refused?: readonly { readonly reason: string }[];
}

async function report(place: Place, config: string, ...options: string[]) {
  const { code, stdout, stderr } = await verify(place, config, '--json', ...options);
  assert.ok(stdout !== '', stderr);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const faultsOf = ({ faults }: Report) =>
  faults.map(({ path, target, kind }) => `${path} ${target === '' ? 'local' : target} ${kind}`).sort();

/** Files `a.bin`, `b.bin` … that were delivered to the folder `outbox`. */
async function delivered(place: Place, names: readonly string[], config = folders()): Promise<string> {
  for (const name of names) await put(place.path('inbox', name), BYTES);
  const file = await place.configure(config);
  await sync(place, file);
  return file;
}

describe('filesync verify', function () {
  this.timeout(60_000);

  it('finds nothing where all is right, and makes, locks and changes nothing', () =>
    Place.with(async place => {
      const config = await delivered(place, ['a.bin', 'x/b.bin']);
      const before = await tree(place.folder);
      const { code, stdout, stderr } = await verify(place, config);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(stdout, 'inbox: 2 local copies: 2 whole\noutbox: 2 files: 2 whole\n');
      assert.deepEqual(await tree(place.folder), before);
    }));

  it('works before anything was done', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const config = await place.configure(folders());
      const before = await tree(place.folder);
      const { code, stdout } = await verify(place, config);
      assert.deepEqual([code, stdout], [0, 'there is nothing to compare\n']);
      assert.deepEqual(await tree(place.folder), before);
    }));

  it('names what is missing or corrupt, and what no record knows', () =>
    Place.with(async place => {
      const config = await delivered(place, ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'e.bin']);
      await rm(place.path('data/inbox/a.bin'));
      await writeFile(place.path('data/inbox/b.bin'), OTHERS);
      await rm(place.path('outbox/c.bin'));
      await writeFile(place.path('outbox/d.bin'), 'short');
      await put(place.path('data/inbox/foreign.bin'), BYTES);
      await put(place.path('outbox/other.bin'), BYTES);
      const before = await tree(place.folder);
      const found = await report(place, config);
      assert.equal(found.code, 1);
      assert.deepEqual(faultsOf(found), [
        'a.bin local missing',
        'b.bin local corrupt',
        'c.bin outbox missing',
        'd.bin outbox corrupt',
      ]);
      assert.deepEqual(found.unknown.map(({ device, path }) => `${device}:${path}`).sort(), [
        ':inbox/foreign.bin',
        'outbox:other.bin',
      ]);
      assert.equal(found.unknown_total, 2);
      const { stdout } = await verify(place, config);
      assert.match(
        stdout,
        /^inbox: 5 local copies: 3 whole, 1 missing, 1 corrupt; `filesync verify --repair`/m,
      );
      assert.match(stdout, /^outbox: 5 files: 3 whole, 1 missing, 1 corrupt; `filesync verify --repair`/m);
      assert.match(stdout, /^[0-9a-f]{12} inbox:d\.bin: outbox:d\.bin has 5 bytes instead of 2000$/m);
      assert.match(stdout, /^2 files without a record: nothing is done with them$/m);
      const own = await report(place, config, '--device', 'outbox');
      assert.deepEqual(faultsOf(own), ['c.bin outbox missing', 'd.bin outbox corrupt']);
      assert.deepEqual(await tree(place.folder), before);
    }));

  it('has all of it fetched and sent again, and replaces nothing', () =>
    Place.with(async place => {
      const config = await delivered(place, ['a.bin', 'b.bin', 'c.bin', 'd.bin']);
      await rm(place.path('data/inbox/a.bin'));
      await writeFile(place.path('data/inbox/b.bin'), OTHERS);
      await rm(place.path('outbox/c.bin'));
      await writeFile(place.path('outbox/d.bin'), 'short');
      const { code, stdout, stderr } = await verify(place, config, '--repair');
      assert.equal(code, 1, stderr);
      assert.match(stdout, /^4 files to repair: `filesync sync` fetches and sends them again$/m);
      await sync(place, config);
      assert.deepEqual(await readFile(place.path('data/inbox/a.bin')), BYTES);
      assert.deepEqual(await readFile(place.path('data/inbox/b.bin')), BYTES);
      assert.deepEqual(await readFile(place.path('data/inbox/b.bin.corrupt')), OTHERS);
      assert.deepEqual(await readFile(place.path('outbox/c.bin')), BYTES);
      assert.equal(await readFile(place.path('outbox/d.bin'), 'utf8'), 'short');
      const [other = ''] = (await filesBelow(place.path('outbox'))).filter(name => name.startsWith('d~'));
      assert.deepEqual(await readFile(place.path('outbox', other)), BYTES);
      const after = await report(place, config);
      assert.deepEqual([after.code, faultsOf(after)], [0, []]);
      // What has the name is no file of ours any more.
      assert.deepEqual(
        after.unknown.map(({ path }) => path),
        ['d.bin'],
      );
      for (const state of await states(place, config)) assert.match(state, / UPLOADED$/);
    }));

  it('has a running daemon do that at once', () =>
    Place.with(async place => {
      const config = await delivered(place, ['a.bin', 'b.bin'], folders({ top: { interval: '1h' } }));
      const daemon = place.start(['run', '-c', config]);
      await daemon.says('working with');
      await writeFile(place.path('data/inbox/a.bin'), OTHERS);
      await rm(place.path('outbox/b.bin'));
      const { code, stdout, stderr } = await verify(place, config, '--repair');
      assert.equal(code, 1, stderr);
      assert.match(stdout, /^2 files to repair: the daemon fetches and sends them again$/m);
      await eventually(async () => (await report(place, config)).code === 0);
      assert.deepEqual(await readFile(place.path('outbox/b.bin')), BYTES);
      assert.deepEqual(await readFile(place.path('data/inbox/a.bin')), BYTES);
      assert.equal((await daemon.kill('SIGINT')).code, 130);
    }));

  it('sends what is gone from its source again from the local copy', () =>
    Place.with(async place => {
      const after = { source: 'delete' };
      const config = await delivered(place, ['a.bin'], folders({ rule: { after } }));
      assert.deepEqual(await filesBelow(place.path('inbox')), []);
      await rm(place.path('outbox/a.bin'));
      assert.equal((await verify(place, config, '--repair')).code, 1);
      await sync(place, config);
      assert.deepEqual(await readFile(place.path('outbox/a.bin')), BYTES);
      assert.equal((await verify(place, config)).code, 0);
    }));

  it('changes nothing where no whole copy is left, and says so', () =>
    Place.with(async place => {
      const config = await delivered(place, ['a.bin']);
      await rm(place.path('inbox/a.bin'));
      await sync(place, config);
      await rm(place.path('outbox/a.bin'));
      await writeFile(place.path('data/inbox/a.bin'), OTHERS);
      const before = await records(place, config);
      const found = await report(place, config, '--repair');
      assert.deepEqual([found.code, found.changed], [1, []]);
      assert.deepEqual(found.refused?.map(({ reason }) => reason).sort(), [
        'inbox does not have a.bin any more: copy it to inbox/a.bin from a target or a backup',
        'neither inbox nor local storage has it any more: copy it to outbox from another place',
      ]);
      assert.deepEqual(await records(place, config), before);
      assert.deepEqual(await filesBelow(place.path('data/inbox')), ['a.bin']);
    }));

  it('compares FTP servers, and says what cannot be asked or reached', () =>
    Place.with(async place => {
      const options = { folder: place.path('ftp'), user: 'u', password: 'p', signals: process };
      const server = place.use(await startFtpServer(options));
      const page = place.use(await startReceiver({ folder: place.path('page') }));
      const ftp = { type: 'ftp', host: '127.0.0.1', port: server.port, user: 'u', password: { env: 'PW' } };
      const devices = { ftp, page: { type: 'http', url: `${page.url}/plain` } };
      await put(place.path('inbox/a.bin'), BYTES);
      const config = await place.configure(folders({ devices, rule: { to: ['ftp', 'page'] } }));
      const env = { PW: 'p' };
      const synced = await place.run(['sync', '-c', config], env);
      assert.equal(synced.code, 0, synced.stderr);
      const right = await place.run(['verify', '-c', config], env);
      assert.equal(right.code, 0, right.stdout + right.stderr);
      assert.match(right.stdout, /^ftp: 1 file: 1 (whole|of the right size)$/m);
      assert.match(right.stdout, /^page: 1 file: 1 not compared: it cannot be asked$/m);
      await put(place.path('ftp/b.bin'), BYTES);
      const more = await place.run(['verify', '-c', config], env);
      assert.match(more.stdout, /^no record: ftp:b\.bin$/m);
      await server.close();
      const away = await place.run(['verify', '-c', config], env);
      assert.equal(away.code, 1);
      assert.match(away.stdout, /^ftp: 1 file: 1 not compared \(.*refuses connections/m);
    }));

  it('ends at once when it is stopped', () =>
    Place.with(async place => {
      const server = await startFtpServer({ folder: place.path('ftp'), user: 'u', password: 'p' });
      const { port } = server;
      const ftp = { type: 'ftp', host: '127.0.0.1', port, user: 'u', password: { env: 'PW' } };
      await put(place.path('inbox/a.bin'), BYTES);
      const config = await place.configure(folders({ devices: { ftp }, rule: { to: ['ftp'] } }));
      await sync(place, config, { env: { PW: 'p' } });
      await server.close();
      const silent = place.use(await silentServer(port));
      const program = place.start(['verify', '-c', config], { PW: 'p' });
      await silent.asked;
      assert.equal((await program.kill('SIGINT')).code, 130);
    }));

  it('refuses a device that nobody knows', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const { code, stderr } = await verify(place, config, '--device', 'outbix');
      assert.equal(code, 2);
      assert.match(stderr, /no device is called outbix; .*outbox/);
    }));
});

/** Takes connections and never answers. */
async function silentServer(port: number) {
  const sockets = new Set<Socket>();
  const server = createServer(socket => sockets.add(socket.on('error', () => undefined)));
  const asked = once(server, 'connection');
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { asked, close };
}
