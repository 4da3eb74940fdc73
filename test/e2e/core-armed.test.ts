import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { startReceiver } from '../../src/demo/receiver.js';
import { eventually, sample } from '../conformance/support.js';
import { filesBelow, folders, put, startVehicle } from './parts.js';
import { Place, type Program } from './program.js';
import { FLIGHT } from './world.js';

const isArmed = async (place: Place, config: string, armed: boolean): Promise<boolean> => {
  const { stdout } = await place.run(['status', '-c', config, '--json']);
  return stdout.includes(`"armed":${armed}`) && stdout.includes('"available":true');
};

describe('filesync run, a vehicle that flies', function () {
  this.timeout(120_000);

  it('is left alone for two seconds after it was disarmed, whatever arrives then', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.bin'), sample(1000, 1));
      const drone = { type: 'mavlink', url: vehicle.url, root: '/log' };
      const config = await place.configure(
        folders({ rule: { from: 'drone' }, devices: { drone }, top: { interval: '50ms' } }),
      );
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/a\.bin -> outbox: delivered/);
      vehicle.toggleArmed();
      await eventually(() => isArmed(place, config, true));
      await put(vehicle.path('log/b.bin'), sample(1000, 2));
      const disarmed = performance.now();
      vehicle.toggleArmed();
      await daemon.says(/b\.bin: found/);
      assert.ok(performance.now() - disarmed >= 2000, 'its log was not closed yet');
      await daemon.says(/b\.bin -> outbox: delivered/);
    }));

  it('does not count as armed for ever when it is switched off while it is', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.ulg'), await readFile(FLIGHT));
      let isOpen = false;
      const answer = { status: 503, body: 'not now' };
      const trouble = () => (isOpen ? undefined : { after: 0, answer });
      const site = place.use(await startReceiver({ folder: place.path('site'), trouble }));
      const config = await place.configure(
        folders({
          rule: { from: 'drone', to: ['site'], while_armed: 'pause' },
          devices: {
            drone: { type: 'mavlink', url: vehicle.url, root: '/log' },
            // Arming may cut an attempt off between its last byte and the refusal.
            site: { type: 'http', url: `${site.url}/plain`, on_lost_answer: 'resend' },
          },
        }),
      );
      const daemon: Program = place.start(['run', '-c', config]);
      await daemon.says(/a\.ulg: downloaded/);
      vehicle.toggleArmed();
      await eventually(() => isArmed(place, config, true));
      isOpen = true;
      await vehicle.program.kill('SIGKILL');
      await daemon.says(/a\.ulg -> site: delivered/);
      assert.equal(site.received.length, 1);
      assert.deepEqual(await filesBelow(place.path('data/drone')), ['a.ulg']);
    }));
});
