import assert from 'node:assert/strict';
import { appendFile, mkdir, open, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, startVehicle, states, sync } from './parts.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

const HOUR_MS = 3_600_000;
const PIECE = 100_000;
const PIECES = 9;
const piece = (index: number) => sample(PIECE, index);
const recording = Buffer.concat(Array.from({ length: PIECES }, (_, index) => piece(index)));

/** Appends the recording in pieces, at intervals that `settle` outlasts; `written` is called after each. */
async function record(path: string, written = async (_index: number) => {}): Promise<void> {
  for (let index = 0; index < PIECES; index++) {
    await appendFile(path, piece(index));
    await written(index);
    await delay(400);
  }
}

/** The recording lies there whole, and nothing else does. */
async function assertOne(folder: string, name: string): Promise<void> {
  assert.deepEqual(await filesBelow(folder), [name]);
  assert.equal(await hashOf(join(folder, name)), sha256(recording));
}

describe('filesync run, a file that is still being written', function () {
  this.timeout(120_000);

  it('is delivered once, whole, although its time lies in the past', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const path = place.path('inbox/flight.bin');
      const config = await place.configure(
        folders({
          rule: { settle: '2s', delete_after: '0s', after: { source: 'delete' } },
          top: { interval: '200ms' },
        }),
      );
      const daemon = place.start(['run', '-c', config]);
      const camera = Date.now() - HOUR_MS;
      await record(path, async index => utimes(path, new Date(camera), new Date(camera + index * 1000)));
      await daemon.says(/flight\.bin: removed from the source/);
      await assertOne(place.path('outbox'), 'flight.bin');
    }));

  it('is delivered once, whole, from an FTP server whose times are local ones', () =>
    Place.with(async place => {
      const server = await startServer('vsftpd', {
        settings: { use_localtime: 'YES' },
        env: { TZ: 'America/New_York' },
      });
      place.use({ close: () => server.stop() });
      const camera = { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } };
      const config = await place.configure(
        folders({
          rule: { from: 'camera', settle: '2s', after: { source: 'delete' } },
          top: { interval: '200ms' },
          devices: { camera },
        }),
      );
      const daemon = place.start(['run', '-c', config], { P: server.password });
      await record(join(server.folder, 'flight.bin'));
      await daemon.says(/-> outbox: delivered/);
      await assertOne(place.path('outbox'), 'flight.bin');
      // Writers there cannot be seen: it is removed after `delete_after` (10m).
      assert.deepEqual(await readdir(server.folder), ['flight.bin']);
    }));

  /** What came after it has been delivered and removed, so that whatever was to happen to it has happened. */
  const passed = async (place: Place, name: string): Promise<void> => {
    await put(place.path('inbox', name), sample(1000, 7));
    await eventually(async () => !(await readdir(place.path('inbox'))).includes(name));
    await eventually(async () => (await readdir(place.path('outbox'))).includes(name));
  };

  const configure = (place: Place, rule: object = {}) =>
    place.configure(
      folders({
        rule: { settle: '500ms', delete_after: '0s', after: { source: 'delete' }, ...rule },
        top: { interval: '200ms' },
      }),
    );

  it('is neither delivered nor removed while its recorder pauses and has it open', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const recorder = await open(place.path('inbox/flight.mcap'), 'w');
      await recorder.write(sample(700, 1));
      const daemon = place.start(['run', '-c', await configure(place)]);
      await passed(place, 'other.mcap');
      await passed(place, 'third.mcap');
      assert.deepEqual(await filesBelow(place.path('outbox')), ['other.mcap', 'third.mcap']);
      await recorder.write(sample(700, 2));
      await recorder.close();
      await daemon.says(/flight\.mcap: removed from the source/);
      const whole = Buffer.concat([sample(700, 1), sample(700, 2)]);
      assert.equal(await hashOf(place.path('outbox/flight.mcap')), sha256(whole));
    }));

  it('is complete only together with its write-ahead log, which its rule does not name', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      await writeFile(place.path('inbox/bag_0.db3'), sample(4096, 1));
      const recorder = await open(place.path('inbox/bag_0.db3-wal'), 'w');
      await recorder.write(sample(700, 1));
      const daemon = place.start(['run', '-c', await configure(place, { include: ['**/*.db3'] })]);
      await passed(place, 'other.db3');
      assert.deepEqual(await filesBelow(place.path('outbox')), ['other.db3']);
      await recorder.close();
      await daemon.says(/removed from the source[^]*removed from the source[^]*removed from the source/);
      assert.deepEqual(await filesBelow(place.path('outbox')), ['bag_0.db3', 'bag_0.db3-wal', 'other.db3']);
    }));

  it('is not removed from a vehicle before `delete_after`, as writers there cannot be seen', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.ulg'), sample(10_000));
      const drone = { type: 'mavlink', url: vehicle.url, root: '/log' };
      const rule = { from: 'drone', after: { source: 'delete' } };
      const config = await place.configure(folders({ rule, devices: { drone } }));
      await sync(place, config);
      assert.deepEqual(await states(place, config), ['a.ulg UPLOADED']);
      assert.equal((await stat(vehicle.path('log/a.ulg'))).size, 10_000);
      await place.configure(folders({ rule: { ...rule, delete_after: '0s' }, devices: { drone } }));
      await sync(place, config);
      assert.deepEqual(await states(place, config), ['a.ulg REMOVED']);
      assert.deepEqual(await filesBelow(place.path('card')), []);
    }));
});
