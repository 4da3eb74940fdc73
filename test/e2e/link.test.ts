import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { eventually, sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, startVehicle } from './parts.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

const LOCAL = '127.0.0.1';

/** A page that counts what it is sent. */
class Page {
  readonly #server: Server;
  /** Bytes of all requests, and requests that were answered. */
  bytes = 0;
  done = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
      request
        .on('error', () => undefined)
        .on('end', () => {
          if (request.method === 'POST') this.done += 1;
          response.end('stored');
        });
    });
  }

  static async make(place: Place): Promise<Page> {
    const page = new Page();
    await once(page.#server.listen(0, LOCAL), 'listening');
    return place.use(page);
  }

  device(link: object) {
    const { port } = this.#server.address() as AddressInfo;
    return { type: 'http', url: `http://${LOCAL}:${port}/`, ...link };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function configure(place: Place, page: object): Promise<string> {
  await mkdir(place.path('inbox'), { recursive: true });
  return place.configure({
    interval: '200ms',
    devices: { inbox: { type: 'directory', path: './inbox' }, page },
    rules: [{ from: 'inbox', to: ['page'], settle: 0 }],
  });
}

interface Waiting {
  device: string;
  code: string;
  text: string;
  until: string | null;
}

async function statusOf(place: Place, config: string) {
  const { stdout } = await place.run(['status', '--json', '-c', config]);
  return JSON.parse(stdout) as { waiting: Waiting[]; verdict: { code: string; text: string } };
}

const two = (part: number) => String(part % 24).padStart(2, '0');
/** Local time, in some hours. */
const hoursFromNow = (from: number, to: number) => {
  const hour = new Date().getHours();
  return `${two(hour + from)}:00-${two(hour + to)}:00`;
};

describe('limits of a link', function () {
  this.timeout(120_000);

  for (const [what, link, code, text] of [
    [
      'over another interface',
      { over: ['nosuch0'] },
      'over',
      /reached through lo, and `over` allows nosuch0/,
    ],
    ['outside of its hours', { hours: hoursFromNow(3, 5) }, 'hours', /outside of its hours/],
  ] as const) {
    it(`${what}: a file waits and says why, until it is pushed`, () =>
      Place.with(async place => {
        const page = await Page.make(place);
        const config = await configure(place, page.device(link));
        await writeFile(place.path('inbox/a.txt'), 'a');
        const daemon = place.start(['run', '-c', config]);
        await eventually(
          async () => (await statusOf(place, config).catch(() => ({ waiting: [] }))).waiting.length > 0,
        );
        const { waiting, verdict } = await statusOf(place, config);
        assert.deepEqual(
          waiting.map(one => [one.device, one.code, one.until !== null]),
          [['page', code, code === 'hours']],
        );
        assert.match(waiting[0]?.text ?? '', text);
        assert.match(verdict.text, /^1 file is safe on this computer, not yet on page/);
        assert.equal(page.bytes, 0, 'the page was not asked at all');
        const pushed = await place.run(['push', '-c', config]);
        assert.deepEqual([pushed.code, pushed.stdout], [0, '1 file goes now\n'], pushed.stderr);
        await eventually(async () => page.done === 1);
        await writeFile(place.path('inbox/b.txt'), 'b');
        await eventually(async () => (await statusOf(place, config)).waiting.some(one => one.code === code));
        assert.equal(page.done, 1, 'what came later waits again');
        await daemon.kill('SIGTERM');
      }));
  }

  it('a vehicle over another interface is not read, and still shows that it is armed', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.bin'), sample(1000));
      const configureOver = (...over: string[]) => {
        const drone = { type: 'mavlink', url: vehicle.url, root: '/log', over };
        return place.configure(folders({ rule: { from: 'drone' }, devices: { drone } }));
      };
      const config = await configureOver('nosuch0');
      const daemon = place.start(['run', '-c', config]);
      const shows = (armed: boolean) => async () => {
        const { stdout } = await place.run(['status', '-c', config, '--json']);
        return stdout.includes(`"armed":${armed}`) && stdout.includes('not used now: reached through lo');
      };
      await eventually(shows(false));
      vehicle.toggleArmed();
      await eventually(shows(true));
      vehicle.toggleArmed();
      await eventually(shows(false));
      await daemon.kill('SIGTERM');
      assert.equal((await filesBelow(place.path('outbox'))).length, 0);
      assert.doesNotMatch(daemon.stdout + daemon.stderr, /a\.bin/);
      const { code, stdout, stderr } = await place.run(['sync', '-c', await configureOver('lo')]);
      assert.equal(code, 0, stdout + stderr);
      assert.deepEqual(await filesBelow(place.path('outbox')), ['a.bin']);
    }));

  it('push says that there is no daemon', () =>
    Place.with(async place => {
      const config = await configure(place, { type: 'http', url: 'http://127.0.0.1:1/' });
      const { code, stderr } = await place.run(['push', '-c', config]);
      assert.equal(code, 1);
      assert.match(stderr, /no daemon runs: start one/);
    }));

  it('inside of them files are delivered', () =>
    Place.with(async place => {
      const page = await Page.make(place);
      const link = { over: ['lo', 'wlan0'], hours: `${hoursFromNow(0, 2)}`, max_rate: '1MB/s' };
      const config = await configure(place, page.device(link));
      await writeFile(place.path('inbox/a.txt'), 'a');
      const { code, stdout, stderr } = await place.run(['sync', '-c', config]);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(page.done, 1);
    }));

  it('a running transfer is interrupted when the connection becomes metered', () =>
    Place.with(async place => {
      const page = await Page.make(place);
      const say = (metered: number) => writeFile(place.path('metered'), String(metered));
      await mkdir(place.path('bin'));
      const bus = [
        '#!/bin/sh',
        `case "$*" in *GetDeviceByIpIface*' s lo') echo 'o "/org/freedesktop/NetworkManager/Devices/1"';;`,
        `*Metered) echo "u $(cat '${place.path('metered')}')";; *) exit 1;; esac`,
      ];
      await writeFile(place.path('bin/busctl'), bus.join('\n'));
      await chmod(place.path('bin/busctl'), 0o755);
      await say(2);
      const config = await configure(place, page.device({ unmetered: true, max_rate: '500kB/s' }));
      await writeFile(place.path('inbox/long.bin'), sample(8_000_000));
      const PATH = `${place.path('bin')}:${process.env['PATH'] ?? ''}`;
      const daemon = place.start(['run', '-c', config], { PATH });
      await eventually(async () => page.bytes > 100_000);
      await say(1);
      await daemon.says(/interrupted.*reached through lo, which is metered/);
      const { waiting } = await statusOf(place, config);
      assert.deepEqual(
        waiting.map(one => one.code),
        ['unmetered'],
      );
      assert.equal(page.done, 0);
      await say(4);
      const before = page.bytes;
      await eventually(async () => page.bytes > before + 100_000);
      await daemon.kill('SIGTERM');
    }));

  it('a rate holds for files from and to FTP servers, which arrive unchanged', () =>
    Place.with(async place => {
      const [source, target] = [await startServer('vsftpd'), await startServer('proftpd')];
      for (const server of [source, target]) place.use({ close: () => server.stop() });
      const bytes = sample(300_000);
      await mkdir(join(source.folder, 'logs'), { mode: 0o777 });
      await writeFile(join(source.folder, 'logs/a.ulg'), bytes);
      const end = (server: typeof source, rate: string) => ({
        ...{ type: 'ftp', ...ftpOptions(server), password: { env: 'P' }, max_rate: rate },
      });
      const config = await place.configure({
        devices: { drone: end(source, '100KB/s'), archive: end(target, '200KB/s') },
        rules: [{ from: 'drone', to: ['archive'], settle: 0, path: '{file.path}' }],
      });
      const began = performance.now();
      const { code, stdout, stderr } = await place.run(['sync', '-c', config], { P: source.password });
      assert.equal(code, 0, stdout + stderr);
      // 3 s and 1.5 s at these rates; a machine that is busy is only slower.
      assert.ok(performance.now() - began >= 3500, 'faster than the rates allow');
      assert.equal(await hashOf(join(target.folder, 'logs/a.ulg')), sha256(bytes));
      assert.deepEqual(await readdir(join(target.folder, 'logs')), ['a.ulg']);
    }));
});
