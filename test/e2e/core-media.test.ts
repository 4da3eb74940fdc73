import assert from 'node:assert/strict';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import { eventually, sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, records, startVehicle, states, sync } from './parts.js';
import { Place } from './program.js';
import { sha256 } from './world.js';

const received = (site: Receiver) => site.received.map(one => one.sha256);

describe('filesync, a file that was removed', function () {
  this.timeout(120_000);

  it('is not found again by a listing that began before', () =>
    Place.with(async place => {
      const count = 100;
      // They make each listing take its time.
      for (let index = 0; index < 4000; index++) await put(place.path('inbox', `${index}.txt`), sample(0));
      await put(place.path('inbox/first.bin'), sample(10));
      const config = await place.configure(
        folders({
          rule: { include: ['*.bin'], delete_after: '0s', after: { source: 'delete', local: 'delete' } },
          top: { interval: '100ms' },
        }),
      );
      const left = async () => (await readdir(place.path('inbox'))).filter(name => name.endsWith('.bin'));
      const daemon = place.start(['run', '-c', config]);
      for (let index = 0; index < count; index++) {
        await put(place.path('inbox', `${index}.bin`), sample(300, index));
        await delay(20);
      }
      await eventually(async () => (await left()).length === 0);
      const found = () => daemon.stderr.match(/: found,/g)?.length;
      // A last file, so that every listing that was under way has ended.
      await put(place.path('inbox/last.bin'), sample(300, count));
      await daemon.says(/last\.bin: removed from the source/);
      assert.equal(found(), count + 2);
      assert.equal((await states(place, config)).filter(one => one.endsWith(' REMOVED')).length, count + 2);
      assert.equal((await filesBelow(place.path('outbox'))).length, count + 2);
    }));
});

describe('filesync, an erased card with a file of the same name and size', function () {
  this.timeout(120_000);

  const BIN = 'APM/LOGS/00000001.BIN';
  const [before, after] = [sample(409_600, 1), sample(409_600, 2)];

  const inFlights = (top: object, test: (place: Place, config: string, site: Receiver) => Promise<void>) =>
    Place.with(async place => {
      const vehicle = await startVehicle(place, '--like', 'ardupilot');
      await put(vehicle.path(BIN), before);
      const site = place.use(await startReceiver({ folder: place.path('site') }));
      const config = await place.configure(
        folders({
          rule: { from: 'drone', to: ['outbox', 'site'] },
          top,
          devices: {
            drone: { type: 'mavlink', url: vehicle.url, root: '/APM/LOGS' },
            site: { type: 'http', url: `${site.url}/plain` },
          },
        }),
      );
      await test(place, config, site);
    });

  it('is fetched and delivered, when it was erased between two passes', () =>
    inFlights({}, async (place, config, site) => {
      await sync(place, config);
      await rm(place.path('card', BIN));
      await put(place.path('card', BIN), after);
      assert.match(await sync(place, config), /1 delivered, 0 unfinished/);
      assert.deepEqual(received(site), [sha256(before), sha256(after)]);
      assert.equal((await filesBelow(place.path('outbox'))).length, 2);
    }));

  it('is fetched and delivered, when a daemon has seen it gone in between', () =>
    inFlights({ interval: '200ms' }, async (place, config, site) => {
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => site.received.length === 1);
      await daemon.says(/-> outbox: delivered/);
      await rm(place.path('card', BIN));
      const isGone = async () => (await records(place, config)).every(one => !one.on_source);
      await eventually(isGone);
      await put(place.path('card', BIN), after);
      await eventually(async () => site.received.length === 2);
      assert.deepEqual(received(site), [sha256(before), sha256(after)]);
    }));

  it('is not sent again when it holds the same bytes', () =>
    inFlights({}, async (place, config, site) => {
      await sync(place, config);
      await rm(place.path('card', BIN));
      await sync(place, config);
      await put(place.path('card', BIN), before);
      assert.match(await sync(place, config), /same bytes as before, not sent again/);
      assert.deepEqual(received(site), [sha256(before)]);
      assert.equal((await filesBelow(place.path('data/drone'))).length, 1);
    }));
});

describe('filesync, an erased card of a camera whose clock begins again at each start', () => {
  it('has its files fetched and delivered, although they look like those before', () =>
    Place.with(async place => {
      const start = new Date(Date.UTC(2000, 0, 1));
      const take = async (name: string, seed: number) =>
        utimes(await put(place.path('inbox', name), sample(5_000, seed)), start, start);
      const names = ['1.tif', '2.tif'];
      for (const [seed, name] of names.entries()) await take(name, seed);
      const config = await place.configure(folders({}));
      await sync(place, config);
      assert.match(await sync(place, config), /0 delivered, 0 unfinished/);
      for (const [seed, name] of names.entries()) await take(name, seed + 10);
      assert.match(await sync(place, config), /2 delivered, 0 unfinished/);
      assert.equal((await filesBelow(place.path('outbox'))).length, 4);
    })).timeout(60_000);
});

describe('filesync, a file whose time has moved by an hour, as on FAT', function () {
  this.timeout(120_000);

  const bytes = sample(50_000);
  const moveTime = async (path: string) => {
    const { mtimeMs } = await stat(path);
    await utimes(path, new Date(mtimeMs), new Date(mtimeMs + 3_600_000));
  };

  it('is not even fetched where its folder can be read for a checksum', () =>
    Place.with(async place => {
      const path = await put(place.path('inbox/a.bin'), bytes);
      const site = place.use(await startReceiver({ folder: place.path('site') }));
      const outbox = { type: 'http', url: `${site.url}/plain` };
      const config = await place.configure(folders({ devices: { outbox } }));
      await sync(place, config);
      await moveTime(path);
      assert.doesNotMatch(await sync(place, config), /downloaded/);
      assert.deepEqual(received(site), [sha256(bytes)]);
      assert.deepEqual(await states(place, config), ['a.bin UPLOADED', 'a.bin UPLOADED']);
      assert.deepEqual(await filesBelow(place.path('data/inbox')), ['a.bin']);
    }));

  it('is compared before anything is sent where it has to be fetched for that', () =>
    Place.with(async place => {
      const server = await startServer('vsftpd');
      place.use({ close: () => server.stop() });
      const path = await put(`${server.folder}/a.bin`, bytes);
      const site = place.use(await startReceiver({ folder: place.path('site') }));
      const config = await place.configure(
        folders({
          rule: { from: 'camera', to: ['site'] },
          devices: {
            camera: { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } },
            site: { type: 'http', url: `${site.url}/plain` },
          },
        }),
      );
      const env = { P: server.password };
      await sync(place, config, { env });
      await moveTime(path);
      await sync(place, config, { env });
      assert.deepEqual(received(site), [sha256(bytes)]);
      assert.deepEqual(await filesBelow(place.path('data/camera')), ['a.bin']);
      await put(path, sample(50_000, 2));
      // Twice: the server tells whole seconds, and the two files may have been written in the same one.
      await moveTime(path);
      await moveTime(path);
      await sync(place, config, { env });
      assert.deepEqual(received(site), [sha256(bytes), sha256(sample(50_000, 2))]);
    }));
});
