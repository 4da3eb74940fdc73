import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../conformance/support.js';
import { MAIN, Place, type Program } from './program.js';

const LOCAL = '127.0.0.1';
const read = (path: string) => readFile(path, 'utf8').catch(() => '');

/** `systemd-notify` of the place writes down what is sent to the service manager. */
async function service(place: Place, config: string): Promise<Program> {
  await mkdir(place.path('bin'), { recursive: true });
  const script = `#!/bin/sh\necho "$*" >> "${place.path('sent')}"\n`;
  await writeFile(place.path('bin/systemd-notify'), script, { mode: 0o755 });
  const PATH = `${place.path('bin')}:${process.env['PATH'] ?? ''}`;
  const daemon = place.start(['run', '-c', config], { NOTIFY_SOCKET: place.path('socket'), PATH });
  await daemon.says(/working with/);
  return daemon;
}

interface Changes {
  readonly devices?: object;
  readonly rules?: readonly object[];
  readonly others?: object;
}

/** Files go from `inbox` to `shelf`, unless the changes say otherwise. */
async function configure(place: Place, { devices = {}, rules, others = {} }: Changes = {}): Promise<string> {
  for (const folder of ['inbox', 'outbox', 'shelf', 'rack'])
    await mkdir(place.path(folder), { recursive: true });
  const folder = (path: string) => ({ type: 'directory', path });
  const rule = { from: 'inbox', to: ['shelf'], settle: 0, path: '{file.path}' };
  return place.configure({
    interval: '200ms',
    devices: { inbox: folder('./inbox'), shelf: folder('./shelf'), ...devices },
    rules: rules ?? [rule],
    ...others,
  });
}

const statusOf = async (place: Place, config: string) =>
  JSON.parse((await place.run(['status', '--json', '-c', config])).stdout) as {
    configuration: string;
    verdict: { code: string; text: string };
    devices: { name: string }[];
  };

/** A page that takes the first bytes of each upload and the others when it is released. */
class SlowPage {
  readonly #server: Server;
  /** Uploads that began, and those that were answered. */
  begun = 0;
  done = 0;
  #release: () => void = () => undefined;
  readonly #released = new Promise<void>(resolve => (this.#release = resolve));

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method !== 'POST') return void response.end('a page');
      this.begun += 1;
      request.once('data', () => {
        request.pause();
        void this.#released.then(() => request.resume());
      });
      request
        .on('error', () => undefined)
        .on('end', () => {
          this.done += 1;
          response.end('stored');
        });
    });
  }

  static async make(place: Place): Promise<SlowPage> {
    const page = new SlowPage();
    await once(page.#server.listen(0, LOCAL), 'listening');
    return place.use(page);
  }

  get device() {
    const { port } = this.#server.address() as AddressInfo;
    return { type: 'http', url: `http://${LOCAL}:${port}/` };
  }

  release(): void {
    this.#release();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A daemon in the middle of an upload to a page that is slow. */
async function uploading(place: Place) {
  const page = await SlowPage.make(place);
  const rules = [{ from: 'inbox', to: ['page'], settle: 0 }];
  const config = await configure(place, { devices: { page: page.device }, rules });
  await writeFile(place.path('inbox/long.bin'), Buffer.alloc(4_000_000, 1));
  const daemon = await service(place, config);
  await eventually(async () => page.begun === 1);
  return { page, rules, config, daemon };
}

describe('SIGHUP', function () {
  this.timeout(90_000);

  it('of a terminal stops the daemon as SIGTERM does', () =>
    Place.with(async place => {
      const config = await configure(place);
      const command = `echo $$ > '${place.path('pid')}' && exec '${process.execPath}' '${MAIN}' run -c '${config}'`;
      const terminal = spawn('script', ['-qefc', command, '/dev/null'], {
        env: { PATH: process.env['PATH'], HOME: place.folder, TERM: 'dumb', SHELL: '/bin/sh' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      place.use({ close: async () => void terminal.kill('SIGKILL') });
      let output = '';
      terminal.stdout.on('data', (data: Buffer) => (output += data.toString()));
      const ended = once(terminal, 'close');
      await eventually(async () => /working with/.test(output));
      process.kill(Number(await read(place.path('pid'))), 'SIGHUP');
      const [code] = (await ended) as [number];
      assert.equal(code, 129, output);
      assert.match(output, /stopping/);
    }));

  it('stops a command that is no daemon', () =>
    Place.with(async place => {
      const program = place.start(['demo']);
      await program.says(/autopilot/);
      assert.equal((await program.kill('SIGHUP')).code, 129);
    }));

  it('reloads the configuration of a daemon without a terminal: new devices and rules work', () =>
    Place.with(async place => {
      const config = await configure(place);
      await writeFile(place.path('inbox/a.txt'), 'a');
      await writeFile(place.path('outbox/b.txt'), 'b');
      const daemon = await service(place, config);
      await eventually(async () => (await read(place.path('shelf/a.txt'))) === 'a');
      await configure(place, {
        devices: {
          outbox: { type: 'directory', path: './outbox' },
          rack: { type: 'directory', path: './rack' },
        },
        rules: [
          { from: 'inbox', to: ['shelf'], settle: 0, path: '{file.path}' },
          { from: 'outbox', to: ['rack'], settle: 0, path: 'from/{file.path}' },
        ],
      });
      daemon.child.kill('SIGHUP');
      await eventually(async () => (await read(place.path('rack/from/b.txt'))) === 'b');
      const { devices, configuration } = await statusOf(place, config);
      assert.deepEqual(devices.map(({ name }) => name).sort(), ['inbox', 'outbox', 'rack', 'shelf']);
      assert.equal(configuration, '');
      await eventually(async () =>
        /RELOADING=1 MONOTONIC_USEC=\d+\n--ready/.test(await read(place.path('sent'))),
      );
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('takes away devices and rules that are gone, and replaces changed ones', () =>
    Place.with(async place => {
      const config = await configure(place);
      await writeFile(place.path('inbox/a.txt'), 'a');
      const daemon = await service(place, config);
      await eventually(async () => (await read(place.path('shelf/a.txt'))) === 'a');
      await configure(place, { devices: { inbox: { type: 'directory', path: './outbox' } } });
      daemon.child.kill('SIGHUP');
      await daemon.says(/changed: inbox/);
      await writeFile(place.path('inbox/left.txt'), 'left');
      await writeFile(place.path('outbox/taken.txt'), 'taken');
      await eventually(async () => (await read(place.path('shelf/taken.txt'))) === 'taken');
      await configure(place, { others: { rules: [], devices: {} } });
      daemon.child.kill('SIGHUP');
      await daemon.says(/removed: inbox, shelf/);
      const { devices } = await statusOf(place, config);
      assert.deepEqual(devices, []);
      assert.equal(await read(place.path('shelf/left.txt')), '');
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('leaves the transfer of an unchanged device alone', () =>
    Place.with(async place => {
      const { page, rules, config, daemon } = await uploading(place);
      const more = [...rules, { from: 'outbox', to: ['shelf'], settle: 0, path: '{file.path}' }];
      const outbox = { type: 'directory', path: './outbox' };
      await configure(place, { devices: { page: page.device, outbox }, rules: more });
      await writeFile(place.path('outbox/b.txt'), 'b');
      daemon.child.kill('SIGHUP');
      await eventually(async () => (await read(place.path('shelf/b.txt'))) === 'b');
      page.release();
      await eventually(async () => page.done === 1);
      await eventually(async () => (await statusOf(place, config)).verdict.code === 'SAFE');
      assert.equal(page.begun, 1);
      await daemon.kill('SIGTERM');
    }));

  it('interrupts the transfer to a target that is gone, and the file waits for nothing', () =>
    Place.with(async place => {
      const { page, daemon } = await uploading(place);
      await configure(place);
      daemon.child.kill('SIGHUP');
      await eventually(async () => (await read(place.path('shelf/long.bin'))).length === 4_000_000);
      assert.equal(page.done, 0);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  for (const [what, broken, message] of [
    ['an unknown key', { others: { intervall: '1s' } }, /unknown key "intervall"|intervall/],
    ['another database', { others: { database: './other.json' } }, /database: .*restart/],
  ] as const) {
    it(`with ${what} is reported, and the earlier configuration stays`, () =>
      Place.with(async place => {
        const config = await configure(place);
        const daemon = await service(place, config);
        const good = await readFile(config, 'utf8');
        await configure(place, broken);
        daemon.child.kill('SIGHUP');
        await daemon.says(/the configuration was not reloaded/);
        await writeFile(place.path('inbox/a.txt'), 'a');
        await eventually(async () => (await read(place.path('shelf/a.txt'))) === 'a');
        await writeFile(place.path('good.yaml'), good);
        await eventually(async () => message.test(await read(place.path('sent'))));
        await writeFile(config, good);
        const { configuration, verdict } = await statusOf(place, config);
        assert.match(configuration, message);
        assert.equal(verdict.code, 'ATTENTION');
        daemon.child.kill('SIGHUP');
        await daemon.says(/the configuration was reloaded/);
        await eventually(async () => (await statusOf(place, config)).configuration === '');
        assert.equal((await daemon.kill('SIGTERM')).code, 143);
      }));
  }
});
