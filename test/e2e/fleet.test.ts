import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fleetObject, fleetVehicle, type FleetObject } from '../../src/api/schema-fleet.js';
import { folderStore, STORES, type SharedStore } from '../servers/stores.js';
import { filesBelow, jsonLines, put } from './parts.js';
import { Place, type Ended } from './program.js';

/** A vehicle whose files wait for others of their folder, which never come. */
const vehicle = (name: string, { device }: Pick<SharedStore, 'device'>, more: object = {}) => ({
  vehicle: name,
  local: `./${name}`,
  devices: {
    inbox: { type: 'directory', path: `./in-${name}` },
    store: device,
    out: { type: 'directory', path: './out' },
  },
  rules: [{ from: 'inbox', to: ['out'], settle: 0, path: '{vehicle}/{file.path}', together: BAG }],
  fleet: { to: 'store', every: '1s' },
  ...more,
});

const BAG = { folder: 'metadata.yaml' };

const reader = ({ device }: Pick<SharedStore, 'device'>) => ({
  local: './reader',
  devices: { store: device },
  rules: [],
});

async function objectOn(store: SharedStore, name: string): Promise<FleetObject> {
  const text = (await store.files()).get(`fleet/${name}.json`);
  return fleetObject.parse(JSON.parse(text?.toString() ?? 'null'));
}

/** One pass of a vehicle with one file that cannot be delivered, the same each time. */
async function pass(place: Place, name: string, config: object): Promise<Ended> {
  const path = place.path(`in-${name}`, `${name}.bin`);
  if (!existsSync(path)) await put(path, Buffer.alloc(1000, name));
  return place.run(['sync', '-c', await place.configure(config, `${name}.yaml`)]);
}

describe('the status of a fleet', function () {
  this.timeout(240_000);

  for (const [kind, start] of Object.entries(STORES)) {
    it(`is kept on ${kind}, and shown by filesync fleet`, () =>
      Place.with(async place => {
        const store = await start();
        place.use({ close: () => store.stop() });
        for (const name of ['drone1', 'drone2']) await pass(place, name, vehicle(name, store));
        const first = await objectOn(store, 'drone1');
        assert.deepEqual([first.waiting.files, first.waiting.bytes], [1, 1000]);
        assert.equal(first.waiting.flights.length, 1);
        assert.equal(first.position, undefined);

        await put(place.path('in-drone1', 'more.bin'), Buffer.alloc(500, 'x'));
        await pass(place, 'drone1', vehicle('drone1', store));
        assert.equal((await objectOn(store, 'drone1')).waiting.files, 2);
        const objects = [...(await store.files()).keys()].filter(path => path.startsWith('fleet/'));
        assert.deepEqual(objects.sort(), ['fleet/drone1.json', 'fleet/drone2.json']);

        const config = await place.configure(reader(store), 'reader.yaml');
        const shown = await place.run(['fleet', 'store', '-c', config, '--json']);
        assert.equal(shown.code, 0, shown.stderr);
        const vehicles = jsonLines(shown.stdout).map(line => fleetVehicle.parse(line));
        assert.deepEqual(
          vehicles.map(({ vehicle: name, waiting }) => [name, waiting.files]),
          [
            ['drone1', 2],
            ['drone2', 1],
          ],
        );
        const table = await place.run(['fleet', 'store', '-c', config]);
        assert.match(table.stdout, /^VEHICLE +STATE[^]*drone1[^]*drone2[^]*2 vehicles: /);
      }));
  }

  it('is not written again while nothing has changed', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      const config = vehicle('drone1', store, { fleet: { to: 'store', every: '1h' } });
      await pass(place, 'drone1', config);
      const before = await objectOn(store, 'drone1');
      await pass(place, 'drone1', config);
      assert.equal((await objectOn(store, 'drone1')).time, before.time);
    }));

  it('tells two computers of one name apart', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      await pass(place, 'drone1', vehicle('drone1', store));
      const first = await objectOn(store, 'drone1');
      const other = { ...vehicle('drone1', store), local: './another' };
      const said = await pass(place, 'drone1', other);
      assert.match(
        said.stderr,
        /another computer reports as vehicle drone1: this one is drone1~[0-9a-f]{6} there/,
      );
      assert.equal((await objectOn(store, 'drone1')).instance, first.instance);
      const names = (await readdir(join(store.folder, 'fleet'))).sort();
      assert.match(names.join(' '), /^drone1\.json drone1~[0-9a-f]{6}\.json$/);
    }));

  it('skips what others have put there, with a reason', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      await pass(place, 'drone1', vehicle('drone1', store));
      const good = await objectOn(store, 'drone1');
      const hostile: Record<string, string> = {
        'huge.json': ' '.repeat(100_000),
        'text.json': 'not JSON',
        'types.json': JSON.stringify({ ...good, vehicle: 'types', waiting: 7 }),
        'escape.json': JSON.stringify({ ...good, vehicle: 'escape', version: '\u001b[2J' }),
        'other.json': JSON.stringify(good),
        '\u001b[31mred.json': '{}',
      };
      for (const [name, text] of Object.entries(hostile))
        await writeFile(join(store.folder, 'fleet', name), text);
      const config = await place.configure(reader(store), 'reader.yaml');
      const { code, stdout, stderr } = await place.run(['fleet', 'store', '-c', config]);
      assert.equal(code, 0);
      assert.match(stdout, /1 vehicle: /);
      assert.ok(!(stdout + stderr).includes('\u001b'));
      for (const name of ['huge', 'text', 'types', 'escape', 'other', 'red'])
        assert.match(stderr, new RegExp(`${name}\\.json is skipped: it`), name);
    }));

  it('says who is late and who fails', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      await pass(place, 'drone1', vehicle('drone1', store));
      const good = await objectOn(store, 'drone1');
      const folder = join(store.folder, 'fleet');
      const failing = { device: 'archive', text: 'disk full', files: 3, bytes: 9 };
      const ill = { ...good, vehicle: 'ill', instance: 'f'.repeat(16), failures: [failing] };
      await writeFile(join(folder, 'ill.json'), JSON.stringify(ill));
      const { execFileSync } = await import('node:child_process');
      execFileSync('touch', ['-d', '2 days ago', join(folder, 'drone1.json')]);
      const config = await place.configure(reader(store), 'reader.yaml');
      const { stdout } = await place.run(['fleet', 'store', '-c', config]);
      assert.match(stdout, /drone1 +LATE/);
      assert.match(stdout, /ill +FAILING[^]*3 files FAILED: archive: disk full/);
    }));

  it('never keeps a file from its target where its store is gone', () =>
    Place.with(async place => {
      const store = { device: { type: 'ftp', host: '127.0.0.1', port: 9 } };
      const rules = [{ from: 'inbox', to: ['out'], settle: 0, path: '{vehicle}/{file.path}' }];
      const { code, stderr } = await pass(place, 'drone1', vehicle('drone1', store, { rules }));
      assert.equal(code, 0, stderr);
      assert.deepEqual(await filesBelow(place.path('out')), ['drone1/drone1.bin']);
      assert.match(stderr, /the status cannot be written/);
      const config = await place.configure(reader(store), 'reader.yaml');
      assert.equal((await place.run(['fleet', 'store', '-c', config])).code, 1);
    }));

  it('is written by a daemon, again when something changes', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      await mkdir(place.path('in-drone1'));
      const config = await place.configure(vehicle('drone1', store, { interval: '100ms' }), 'drone1.yaml');
      const daemon = place.start(['run', '-c', config, '--log-level', 'debug']);
      await daemon.says(/status written: drone1\.json/);
      const before = (await objectOn(store, 'drone1')).waiting.files;
      await put(place.path('in-drone1', 'a.bin'), Buffer.from('a'));
      let now = before;
      while (now === before)
        now = await objectOn(store, 'drone1').then(
          ({ waiting }) => waiting.files,
          () => before,
        );
      assert.deepEqual([before, now], [0, 1]);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('is asked for with a name that the configuration knows', () =>
    Place.with(async place => {
      const store = await folderStore();
      place.use({ close: () => store.stop() });
      const config = await place.configure(reader(store), 'reader.yaml');
      const unknown = await place.run(['fleet', 'stoer', '-c', config]);
      assert.deepEqual([unknown.code, /did you mean "store"/.test(unknown.stderr)], [2, true]);
      const none = await place.run(['fleet', 'store', '-c', config]);
      assert.deepEqual([none.code, /no vehicle has reported there yet/.test(none.stdout)], [0, true]);
      await rm(store.folder, { recursive: true });
      assert.equal((await place.run(['fleet', 'store', '-c', config])).code, 1);
    }));
});
