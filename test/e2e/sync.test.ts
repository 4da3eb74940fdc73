import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { startFtpServer } from '../../src/demo/ftp-server.js';
import { startReceiver } from '../../src/demo/receiver.js';
import { eventually } from '../conformance/support.js';
import { Place } from './program.js';
import { ENV, FLIGHT, FLIGHT_SIZE, hashOf, inWorld, type World } from './world.js';

const LOGS = ['sess001/log100.ulg', 'sess001/log101.ulg'];

/** Every log is whole on every target, once, and nothing else is there. */
async function assertDelivered(world: World, logs: readonly string[] = LOGS.slice(0, 1)): Promise<void> {
  const wanted = await hashOf(FLIGHT);
  for (const log of logs) {
    assert.equal(await hashOf(world.place.path('data/autopilot', log)), wanted);
    assert.equal(await hashOf(world.ftpPath(log)), wanted);
  }
  assert.equal((await world.onFtp()).length, logs.length);
  assert.deepEqual(
    world.receiver.received.map(({ sha256 }) => sha256),
    logs.map(() => wanted),
  );
}

const sync = (world: World) => world.place.run(['sync', '-c', world.config], ENV);

async function syncDone(world: World): Promise<void> {
  const { code, stdout, stderr } = await sync(world);
  assert.equal(code, 0, stdout + stderr);
}

describe('filesync sync', function () {
  this.timeout(120_000);

  it('brings logs from a PX4 to local storage, an FTP server and Flight Review', () =>
    inWorld({ logs: LOGS }, async world => {
      const { code, stdout, stderr } = await sync(world);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /2 delivered, 0 unfinished/);
      await assertDelivered(world, LOGS);
      assert.doesNotMatch(stdout + stderr, /secret-word/);
    }));

  it('moves no byte twice', () =>
    inWorld({}, async world => {
      await syncDone(world);
      world.sim().resetStats();
      await syncDone(world);
      assert.equal(world.sim().stats.bytesServed, 0);
      await assertDelivered(world);
    }));

  it('brings them from an ArduPilot', () =>
    inWorld({ sim: { like: 'ardupilot' } }, async world => {
      await syncDone(world);
      await assertDelivered(world);
    }));

  it('brings them over a link that loses a tenth of all packets', () =>
    inWorld({ sim: { loss: 0.1, dup: 0.05, reorder: 0.05, seed: 7 } }, async world => {
      await syncDone(world);
      await assertDelivered(world);
    }));

  it('goes on where it was when the autopilot died in mid-file', () =>
    inWorld({}, async world => {
      const half = 200_000;
      world.sim().hold('/log/sess001/log100.ulg', half);
      const running = world.place.start(['sync', '-c', world.config], ENV);
      const part = world.place.path('data/autopilot/sess001/log100.ulg.part');
      await eventually(async () => existsSync(part) && (await stat(part)).size > half / 2);
      const revive = await world.killSim();
      await revive();
      const { code } = await running.ended;
      if (code !== 0) await syncDone(world);
      await assertDelivered(world);
      assert.ok(
        world.sim().stats.bytesServed < FLIGHT_SIZE - half / 2,
        'the beginning was not asked for again',
      );
    }));

  it('asks again only for what it had not got when it was killed in mid-download', () =>
    inWorld({}, async world => {
      const log = '/log/sess001/log100.ulg';
      const release = world.sim().hold(log, 200_000);
      const running = world.place.start(['sync', '-c', world.config], ENV);
      const part = world.place.path('data/autopilot/sess001/log100.ulg.part');
      await eventually(async () => existsSync(part) && (await stat(part)).size > 199_000);
      await running.kill('SIGKILL');
      const { size } = await stat(part);
      release();
      world.sim().resetStats();
      await syncDone(world);
      await assertDelivered(world);
      assert.equal(world.sim().stats.bytesServed, FLIGHT_SIZE - size);
    }));

  it('sends again what it was killed over in mid-upload, and only once in all', () =>
    Place.with(async place => {
      // More than all socket buffers on the way hold, so that the end certainly has not left.
      const size = 40_000_000;
      await mkdir(place.path('inbox'));
      await writeFile(
        place.path('inbox/big.ulg'),
        Buffer.concat([await readFile(FLIGHT), Buffer.alloc(size)]),
      );
      const never = new Promise<void>(() => {});
      const trouble = (upload: number) => (upload === 0 ? { after: 100_000, until: never } : undefined);
      const receiver = place.use(await startReceiver({ folder: place.path('site'), trouble }));
      const config = await place.configure({
        devices: {
          inbox: { type: 'directory', path: './inbox' },
          review: { type: 'flight-review', url: receiver.url },
        },
        rules: [{ from: 'inbox', to: ['review'], settle: 0 }],
      });
      const running = place.start(['sync', '-c', config]);
      await eventually(async () => receiver.uploads > 0);
      await running.kill('SIGKILL');
      const { code, stdout, stderr } = await place.run(['sync', '-c', config]);
      assert.equal(code, 0, stdout + stderr);
      assert.deepEqual(
        receiver.received.map(one => one.sha256),
        [await hashOf(place.path('inbox/big.ulg'))],
      );
    }));

  it('does not send again what may have arrived, says so, and does when it is told to', () => {
    const never = new Promise<void>(() => {});
    const trouble = (upload: number) => (upload === 0 ? { after: Infinity, until: never } : undefined);
    return inWorld({ trouble }, async world => {
      const running = world.place.start(['sync', '-c', world.config], ENV);
      await eventually(async () => world.receiver.received.length > 0);
      await running.says(/-> archive: delivered/);
      await running.kill('SIGKILL');
      const { code, stdout } = await sync(world);
      assert.equal(code, 1);
      assert.match(stdout, /FAILED: review: .*may have arrived.*filesync retry/);
      await assertDelivered(world);
      assert.equal((await world.place.run(['retry', '-c', world.config, '--failed'])).code, 0);
      await syncDone(world);
      assert.equal(world.receiver.received.length, 2);
    });
  });

  it('resumes an FTP upload that it was killed in', () =>
    Place.with(async place => {
      await place.sparse('inbox/big.bin', 300_000_000);
      const ftp = place.use(
        await startFtpServer({ folder: place.path('ftp'), user: 'u', password: 'p', signals: process }),
      );
      const config = await place.configure({
        devices: {
          inbox: { type: 'directory', path: './inbox' },
          archive: { type: 'ftp', host: '127.0.0.1', port: ftp.port, user: 'u', password: { env: 'P' } },
        },
        rules: [{ from: 'inbox', to: ['archive'], settle: 0, path: '{file.path}' }],
      });
      const running = place.start(['sync', '-c', config], { P: 'p' });
      const names = () => readdir(place.path('ftp')).catch(() => []);
      await eventually(async () => (await names()).length > 0);
      await running.kill('SIGKILL');
      const { code, stderr } = await place.run(['sync', '-c', config], { P: 'p' });
      assert.equal(code, 0, stderr);
      assert.deepEqual(await names(), ['big.bin']);
      assert.equal(await hashOf(place.path('ftp/big.bin')), await hashOf(place.path('inbox/big.bin')));
    }));

  it('ends by a signal with its code, and leaves everything for the next pass', () =>
    inWorld({}, async world => {
      const release = world.sim().hold('/log/sess001/log100.ulg', 100_000);
      const running = world.place.start(['sync', '-c', world.config], ENV);
      const part = world.place.path('data/autopilot/sess001/log100.ulg.part');
      await eventually(async () => existsSync(part) && (await stat(part)).size > 90_000);
      const { code } = await running.kill('SIGTERM');
      assert.equal(code, 143);
      release();
      await syncDone(world);
      await assertDelivered(world);
    }));

  it('tells what it could not do, and ends with 1', () =>
    inWorld({}, async world => {
      await world.killSim();
      const { code, stdout } = await sync(world);
      assert.equal(code, 1);
      assert.match(stdout, /autopilot: could not be listed: .*heartbeat/);
    }));

  it('prints JSON when asked', () =>
    inWorld({}, async world => {
      const { stdout } = await world.place.run(['sync', '-c', world.config, '--json'], ENV);
      const { delivered } = JSON.parse(stdout) as { delivered: { sha256: string; targets: object }[] };
      assert.equal(delivered[0]?.sha256, await hashOf(FLIGHT));
      assert.match(JSON.stringify(delivered[0]?.targets), /http:\/\/127\.0\.0\.1:\d+\/plot_app\?log=/);
    }));
});
