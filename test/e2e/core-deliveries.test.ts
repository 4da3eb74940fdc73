import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { startReceiver } from '../../src/demo/receiver.js';
import { eventually, sample } from '../conformance/support.js';
import { filesBelow, folders, put, records, startVehicle, states, sync } from './parts.js';
import { Place } from './program.js';
import { ENV, FLIGHT, FLIGHT_SIZE, hashOf, inWorld, sha256 } from './world.js';

const COUNT = 5;
const LOGS = Array.from({ length: COUNT }, (_, index) => `sess001/log10${index}.ulg`);

describe('filesync, what is delivered', function () {
  this.timeout(120_000);

  it('is never taken back, and is sent once, when the link drops in a pass', () =>
    inWorld(
      {
        logs: LOGS,
        // A log takes a second.
        sim: { rate: FLIGHT_SIZE },
        rule: { after: { source: 'delete' }, delete_after: '0s' },
      },
      async world => {
        const { place, config, receiver } = world;
        const pass = place.start(['sync', '-c', config], ENV);
        const deliveries = () => pass.stderr.match(/-> (archive|review): delivered/g) ?? [];
        await eventually(async () => deliveries().length === 4);
        const revive = await world.killSim();
        const { code, stdout } = await pass.ended;
        assert.equal(code, 1, stdout);
        assert.match(stdout, /2 delivered, 3 unfinished/);
        const delivered = (await records(place, config)).filter(({ targets }) =>
          targets.every(({ state }) => state === 'DONE'),
        );
        assert.deepEqual(
          delivered.map(({ state }) => state),
          ['UPLOADED', 'UPLOADED'],
        );
        await revive();
        await sync(place, config, { env: ENV });
        assert.deepEqual(
          await states(place, config),
          LOGS.map(log => `${log} REMOVED`),
        );
        assert.equal(receiver.received.length, COUNT);
        assert.equal((await world.onFtp()).length, COUNT);
        assert.deepEqual(await filesBelow(place.path('card')), []);
      },
    ));

  it('is removed from the vehicle before its local copy goes, whenever that is armed', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.ulg'), await readFile(FLIGHT));
      let release = (): void => undefined;
      const until = new Promise<void>(resolve => (release = resolve));
      const answer = { status: 503, body: 'not now' };
      // The first upload is held until the vehicle is armed, and is refused then.
      const trouble = (upload: number) => (upload === 0 ? { after: Infinity, answer, until } : undefined);
      const site = place.use(
        await startReceiver({ folder: place.path('site'), trouble: upload => trouble(upload) }),
      );
      const config = await place.configure({
        ...{ local: './data', interval: '200ms' },
        devices: {
          drone: { type: 'mavlink', url: vehicle.url, root: '/log' },
          review: { type: 'flight-review', url: site.url },
        },
        rules: [
          {
            ...{ from: 'drone', to: ['review'], settle: 0, delete_after: '0s' },
            after: { source: 'delete', local: 'delete' },
          },
        ],
      });
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => site.uploads > 0);
      vehicle.toggleArmed();
      const armed = async () =>
        /"armed":true/.test((await place.run(['status', '-c', config, '--json'])).stdout);
      await eventually(armed);
      release();
      await daemon.says(/-> review: delivered/);
      assert.deepEqual(await filesBelow(place.path('data/drone')), ['a.ulg']);
      vehicle.toggleArmed();
      await daemon.says(/removed from the source/);
      await daemon.says(/local copy removed/);
      assert.deepEqual(await filesBelow(place.path('card')), []);
      assert.deepEqual(await filesBelow(place.path('data/drone')), []);
    }));

  it('is fetched again when its local copy was damaged, which is set aside', () =>
    Place.with(async place => {
      const bytes = sample(100_000);
      await put(place.path('inbox/a.bin'), bytes);
      // The first answer is to come back in an hour.
      const answer = { status: 503, headers: { 'retry-after': '3600' } };
      const trouble = (upload: number) => (upload === 0 ? { after: 0, answer } : undefined);
      const site = place.use(await startReceiver({ folder: place.path('site'), trouble }));
      const outbox = { type: 'http', url: `${site.url}/plain` };
      const config = await place.configure(folders({ devices: { outbox } }));
      await sync(place, config, { code: 1 });
      assert.deepEqual(await states(place, config), ['a.bin DOWNLOADED']);
      const copy = place.path('data/inbox/a.bin');
      await writeFile(copy, sample(100_000, 2));
      const said = await sync(place, config);
      assert.match(said, /kept as inbox\/a\.bin\.corrupt/);
      assert.deepEqual(
        site.received.map(one => one.sha256),
        [sha256(bytes)],
      );
      assert.deepEqual(await filesBelow(place.path('data/inbox')), ['a.bin', 'a.bin.corrupt']);
      assert.equal(await hashOf(copy), sha256(bytes));
      assert.equal(await hashOf(`${copy}.corrupt`), sha256(sample(100_000, 2)));
    }));

  it('waits in any number without a warning of Node', () =>
    Place.with(async place => {
      for (let index = 0; index < 20; index++)
        await put(place.path('inbox', `${index}.bin`), sample(10, index));
      await mkdir(place.path('outbox'));
      // A file where the targets' folder has to be: each attempt fails.
      await writeFile(place.path('outbox/day'), '');
      const config = await place.configure(folders({ rule: { path: 'day/{file.name}' } }));
      const daemon = place.start(['run', '-c', config, '--log-level', 'debug']);
      // Two attempts for each: debug lines are not limited where warnings that repeat are.
      const failures = () => daemon.stderr.match(/DEBUG .*: deliver .*: failed/g) ?? [];
      await eventually(async () => failures().length >= 40);
      const { stderr } = await daemon.kill('SIGTERM');
      assert.doesNotMatch(stderr, /MaxListeners/);
    }));
});
