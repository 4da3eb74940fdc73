import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdir, open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually } from '../conformance/support.js';
import { HangingMount, whyNoFuse } from '../servers/hanging-mount.js';
import { Place, type Ended, type Program } from './program.js';

/** ms in which a program has to be gone after the first signal, with as much again for a machine that is busy. */
const LIMIT = 10_000;
const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof CODES;
/** Said by a program that was ended although something in it still hung. */
const FORCED = /could not end cleanly/;

/** Sends the signals at once; fails if the program does not end by itself after that. */
async function ends(program: Program, ...signals: Signal[]): Promise<Ended> {
  for (const signal of signals) program.child.kill(signal);
  const waited = new AbortController();
  const late = delay(LIMIT, 'late' as const, { signal: waited.signal });
  const ended = await Promise.race([program.ended, late]);
  waited.abort();
  late.catch(() => undefined);
  if (ended === 'late') assert.fail(`still runs ${LIMIT / 1000} s after ${signals.join(', ')}`);
  return ended;
}

/** A folder with a program that begins, ends by SIGKILL alone, and says nothing. */
class Stubborn {
  readonly path: string;
  readonly #pids: string;

  static async make(place: Place, name: string): Promise<Stubborn> {
    await mkdir(place.path('bin'), { recursive: true });
    const stubborn = new Stubborn(place);
    const script = `#!/bin/sh\ntrap '' TERM INT\necho $$ >> ${stubborn.#pids}\nexec sleep 3600\n`;
    await writeFile(place.path('bin', name), script, { mode: 0o755 });
    return place.use(stubborn);
  }

  private constructor(place: Place) {
    this.path = `${place.path('bin')}:${process.env['PATH']}`;
    this.#pids = place.path('pids');
  }

  async begun(): Promise<void> {
    await eventually(async () => (await this.#begun()).length > 0);
  }

  async gone(): Promise<boolean> {
    return (await this.#left()).length === 0;
  }

  async close(): Promise<void> {
    for (const pid of await this.#left()) process.kill(pid, 'SIGKILL');
  }

  /** Those that run. What is dead stays listed until the system's first process takes note of it. */
  async #left(): Promise<number[]> {
    const pids = await this.#begun();
    const stats = pids.map(pid => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
    const seen = await Promise.all(stats);
    return pids.filter((_, index) => /\((sh|lsblk|sleep)\) [^Z]/.test(seen[index] ?? ''));
  }

  async #begun(): Promise<number[]> {
    const text = await readFile(this.#pids, 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean).map(Number);
  }
}

/** A server that takes every connection and never says a word. */
async function silent(place: Place, path?: string): Promise<Server & { readonly met: Promise<unknown> }> {
  const server = createTcpServer(socket => void socket.on('error', () => undefined));
  const met = once(server, 'connection');
  await once(path === undefined ? server.listen(0, '127.0.0.1') : server.listen(path), 'listening');
  place.use({ close: async () => server.close() });
  return Object.assign(server, { met });
}

const outbox = { type: 'directory', path: './outbox' };
const rule = (from: string) => ({ from, to: ['outbox'], settle: 0 });

describe('filesync, told to end', function () {
  this.timeout(60_000);

  const withCamera = (test: (place: Place, config: string, lsblk: Stubborn) => Promise<void>) =>
    Place.with(async place => {
      const camera = { type: 'disk', label: 'NO SUCH DRIVE', mount_point: place.path('mnt') };
      const config = await place.configure({ devices: { camera, outbox }, rules: [rule('camera')] });
      await test(place, config, await Stubborn.make(place, 'lsblk'));
    });

  for (const [command, signal] of [
    ['run', 'SIGTERM'],
    ['run', 'SIGINT'],
    ['sync', 'SIGINT'],
    ['check', 'SIGINT'],
    ['check', 'SIGTERM'],
  ] as const) {
    it(`${command} ends at ${signal} although lsblk hangs, and leaves nothing behind`, () =>
      withCamera(async (place, config, lsblk) => {
        const program = place.start([command, '-c', config], { PATH: lsblk.path });
        await lsblk.begun();
        const { code, stderr } = await ends(program, signal);
        assert.equal(code, CODES[signal], stderr);
        assert.doesNotMatch(stderr, FORCED);
        await eventually(() => lsblk.gone());
      }));
  }

  it('check ends at SIGINT although a server never says a word', () =>
    Place.with(async place => {
      const server = await silent(place);
      const { port } = server.address() as AddressInfo;
      const archive = { type: 'ftp', host: '127.0.0.1', port, timeout: '1h' };
      const cloud = { type: 'webdav', url: `http://127.0.0.1:${port}/`, timeout: '1h' };
      const inbox = { type: 'directory', path: './inbox' };
      const config = await place.configure({
        devices: { inbox, archive, cloud },
        rules: [],
        local: './data',
      });
      const program = place.start(['check', '-c', config]);
      await Promise.race([server.met, program.ended]);
      const { code, stdout, stderr } = await ends(program, 'SIGINT');
      assert.equal(code, 130, stdout + stderr);
      assert.equal(stderr, '');
    }));

  for (const [command, ...args] of [
    ['status'],
    ['files'],
    ['retry', '--failed'],
    ['forget', '0123'],
  ] as const) {
    it(`${command} ends at SIGINT although the daemon does not answer`, () =>
      Place.with(async place => {
        const database = place.path('files.json');
        const devices = { inbox: { type: 'directory', path: './inbox' } };
        const config = await place.configure({ devices, rules: [], database });
        const daemon = await silent(place, `${database}.sock`);
        const program = place.start([command, ...args, '-c', config]);
        await Promise.race([daemon.met, program.ended]);
        const { code, stdout, stderr } = await ends(program, 'SIGINT');
        assert.equal(code, 130, stdout + stderr);
        assert.equal(stdout + stderr, '');
      }));
  }

  it('demo ends at SIGTERM', () =>
    Place.with(async place => {
      const program = place.start(['demo']);
      await program.says(/autopilot/);
      const { code, stderr } = await ends(program, 'SIGTERM');
      assert.equal(code, 143, stderr);
    }));

  /** A program that waits for its configuration without end, and so cannot end cleanly. */
  const withPipe = (test: (program: Program) => Promise<void>, command = 'run') =>
    Place.with(async place => {
      const config = place.path('filesync.yaml');
      await promisify(execFile)('mkfifo', [config]);
      const program = place.start([command, '-c', config]);
      let pipe: FileHandle | undefined;
      // It can be opened as soon as there is a reader, who then waits for what is written.
      await eventually(async () => {
        pipe = await open(config, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
        return pipe !== undefined;
      });
      await test(program).finally(() => pipe?.close());
    });

  it('the end comes in limited time whatever hangs, and is said to be none', () =>
    withPipe(async daemon => {
      const { signal, stderr } = await ends(daemon, 'SIGTERM');
      assert.match(stderr, FORCED);
      // `process.exit` would wait for the call that hangs; for a shell it is 143 all the same.
      assert.equal(signal, 'SIGTERM');
    }));

  it('a second signal ends it at once', () =>
    withPipe(async daemon => {
      const { signal, stderr } = await ends(daemon, 'SIGTERM', 'SIGINT');
      assert.doesNotMatch(stderr, FORCED);
      // The system hands over what is sent together in an order of its own.
      assert.match(signal ?? '', /^SIG(INT|TERM)$/);
    }));

  it('the end comes although something was left open, which is reported', () =>
    Place.with(async place => {
      const NODE_OPTIONS = '--import=data:text/javascript,setInterval(()=>{},1000)';
      const { code, stdout, stderr } = await place.run(['--version'], { NODE_OPTIONS });
      assert.match(stdout, /^\d+\.\d+/);
      assert.match(stderr, /ended with open resources \(.*Timeout.*\)/);
      assert.equal(code, 0);
    }));

  it('files ends at SIGINT although its configuration hangs', () =>
    withPipe(async program => {
      const { signal, stderr } = await ends(program, 'SIGINT');
      assert.equal(signal, 'SIGINT', stderr);
      assert.doesNotMatch(stderr, FORCED);
    }, 'files'));

  it('run ends at SIGTERM although the mount that its database is on hangs', async function () {
    const reason = await whyNoFuse();
    if (reason !== undefined) {
      console.log(`    skipped: ${reason}`);
      return this.skip();
    }
    await Place.with(async place => {
      const mount = place.use(await HangingMount.make());
      const database = `${mount.path}/files.json`;
      const config = await place.configure({ devices: { outbox }, rules: [], database });
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      mount.hang();
      const { signal, stderr } = await ends(daemon, 'SIGTERM');
      assert.equal(signal, 'SIGTERM', stderr);
      assert.match(stderr, FORCED);
    });
  });
});
