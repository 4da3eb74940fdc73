import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { startReceiver } from '../../src/demo/receiver.js';
import { systemClock } from '../../src/system/clock.js';
import { eventually, sample } from '../conformance/support.js';
import { Place } from './program.js';
import { ENV, FLIGHT, hashOf, inWorld, sha256, type World } from './world.js';

/** Of a file that does not fit into any buffer on the way. */
const SIZE = 300_000_000;
const LOG = 'sess001/log100.ulg';

/** Only the database lies where local copies would. */
async function nothingLocal(place: Place): Promise<void> {
  const files = await readdir(place.path('data'));
  assert.deepEqual(
    files.filter(name => !name.startsWith('filesync.json')),
    [],
  );
}

async function synced(place: Place, config: string, env: Record<string, string> = {}): Promise<void> {
  const { code, stdout, stderr } = await place.run(['sync', '-c', config], env);
  assert.equal(code, 0, stdout + stderr);
}

const streaming = { rule: { to: ['archive'], via: 'stream' } };

/** The unfinished upload on the FTP server, once it holds so many bytes. */
async function partOf(world: World, bytes: number): Promise<number> {
  let size = 0;
  await eventually(async () => {
    const name = (await world.onFtp()).find(one => one.endsWith('.part'));
    size = name === undefined ? 0 : (await stat(world.ftpPath(`sess001/${name}`))).size;
    return size > bytes;
  });
  return size;
}

/** A program that is killed now will know at which target the upload has begun. */
async function begunOnDisk(world: World): Promise<void> {
  const journal = world.place.path('data/filesync.json.journal');
  await eventually(async () => (await readFile(journal, 'utf8')).includes('"sending"'));
}

describe('filesync sync, via: stream', function () {
  this.timeout(120_000);

  it('brings a log from a PX4 straight to an FTP server and Flight Review', () =>
    inWorld({ rule: { via: 'stream' } }, async world => {
      await synced(world.place, world.config, ENV);
      assert.equal(await hashOf(world.ftpPath(LOG)), await hashOf(FLIGHT));
      assert.deepEqual(
        world.receiver.received.map(one => one.sha256),
        [await hashOf(FLIGHT)],
      );
      await nothingLocal(world.place);
    }));

  it('goes on at the FTP server where it was killed, and proves the whole file', () =>
    inWorld(streaming, async world => {
      const release = world.sim().hold(`/log/${LOG}`, 300_000);
      const running = world.place.start(['sync', '-c', world.config], ENV);
      await partOf(world, 150_000);
      await begunOnDisk(world);
      await running.kill('SIGKILL');
      release();
      await synced(world.place, world.config, ENV);
      assert.deepEqual(await world.onFtp(), ['log100.ulg']);
      assert.equal(await hashOf(world.ftpPath(LOG)), await hashOf(FLIGHT));
      const { stdout } = await world.place.run(['files', '-c', world.config, '--json']);
      assert.match(stdout, /"verified":"hash"/);
      await nothingLocal(world.place);
    }));

  it('goes on when the vehicle was lost in mid-file', () =>
    inWorld(streaming, async world => {
      world.sim().hold(`/log/${LOG}`, 300_000);
      const running = world.place.start(['sync', '-c', world.config], ENV);
      await partOf(world, 150_000);
      const revive = await world.killSim();
      await revive();
      const { code } = await running.ended;
      if (code !== 0) await synced(world.place, world.config, ENV);
      assert.equal(await hashOf(world.ftpPath(LOG)), await hashOf(FLIGHT));
      assert.deepEqual(await world.onFtp(), ['log100.ulg']);
      await nothingLocal(world.place);
    }));

  it('copies from folder to folder, killed in the middle', () =>
    Place.with(async place => {
      await place.sparse('inbox/big.bin', SIZE);
      const config = await place.configure({
        devices: {
          inbox: { type: 'directory', path: './inbox' },
          outbox: { type: 'directory', path: './outbox' },
        },
        rules: [{ from: 'inbox', to: ['outbox'], settle: 0, via: 'stream', path: '{file.path}' }],
      });
      const running = place.start(['sync', '-c', config]);
      await eventually(async () => (await readdir(place.path('outbox')).catch(() => [])).length > 0);
      await running.kill('SIGKILL');
      await synced(place, config);
      assert.deepEqual(await readdir(place.path('outbox')), ['big.bin']);
      assert.equal(await hashOf(place.path('outbox/big.bin')), await hashOf(place.path('inbox/big.bin')));
      await nothingLocal(place);
    }));

  it('takes turns where two devices with one connection stream to each other', () =>
    Place.with(async place => {
      const names = Array.from({ length: 20 }, (_, index) => `${index}.bin`);
      for (const side of ['left', 'right']) {
        await mkdir(place.path(side, `from-${side}`), { recursive: true });
        for (const name of names) await writeFile(place.path(side, `from-${side}`, name), sample(200_000));
      }
      const device = (path: string) => ({ type: 'directory', path, connections: 1 });
      const way = (from: string, to: string) => ({
        ...{ from, to: [to], include: [`from-${from}/**`], settle: 0, via: 'stream', path: '{file.path}' },
      });
      const config = await place.configure({
        devices: { left: device('./left'), right: device('./right') },
        rules: [way('left', 'right'), way('right', 'left')],
      });
      await synced(place, config);
      const wanted = sha256(sample(200_000));
      for (const [side, other] of [
        ['left', 'right'],
        ['right', 'left'],
      ] as const) {
        assert.equal((await readdir(place.path(other, `from-${side}`))).length, names.length);
        assert.equal(await hashOf(place.path(other, `from-${side}`, '7.bin')), wanted);
      }
    }));

  it('keeps no more than a little in memory, and no file, before a target that takes its time', () =>
    Place.with(async place => {
      await place.sparse('inbox/big.bin', SIZE);
      const never = new Promise<void>(() => {});
      const receiver = place.use(
        await startReceiver({
          folder: place.path('site'),
          trouble: () => ({ after: 100_000, until: never }),
        }),
      );
      const config = await place.configure({
        devices: {
          inbox: { type: 'directory', path: './inbox' },
          site: { type: 'http', url: `${receiver.url}/upload` },
        },
        rules: [{ from: 'inbox', to: ['site'], settle: 0, via: 'stream' }],
      });
      const running = place.start(['sync', '-c', config]);
      await eventually(async () => receiver.uploads > 0);
      await systemClock.sleep(500);
      const memory = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${running.child.pid}/status`, 'utf8'));
      assert.ok(Number(memory?.[1]) * 1024 < SIZE * 0.7, `${memory?.[1]} kB in memory`);
      await nothingLocal(place);
    }));
});
