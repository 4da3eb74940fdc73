import assert from 'node:assert/strict';
import * as schema from '../../src/api/schema.js';
import { eventually, sample } from '../conformance/support.js';
import { folders, put, startVehicle } from './parts.js';
import { Place } from './program.js';

const statusOf = async (place: Place, config: string) => {
  const { stdout, stderr } = await place.run(['status', '-c', config, '--json']);
  assert.equal(stderr, '');
  return schema.status.parse(JSON.parse(stdout));
};

describe('filesync status, whether the vehicle may be switched off', function () {
  this.timeout(120_000);

  it('says why a vehicle cannot be listed, while that is attempted again', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place);
      await put(vehicle.path('log/a.bin'), sample(1000, 1));
      const drone = { type: 'mavlink', url: vehicle.url, root: '/none' };
      const config = await place.configure(folders({ rule: { from: 'drone' }, devices: { drone } }));
      place.start(['run', '-c', config]);
      await eventually(async () => {
        const { code, text } = (await statusOf(place, config)).verdict;
        return code === 'WAIT' && /^drone is not completely listed yet: .*: insert an SD card/.test(text);
      });
    }));

  it('follows a flight, and says how well the vehicle is reached', () =>
    Place.with(async place => {
      const vehicle = await startVehicle(place, '--rate', '400000');
      await put(vehicle.path('log/a.bin'), sample(1000, 1));
      const drone = { type: 'mavlink', url: vehicle.url, root: '/log' };
      const archive = { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u' };
      const rule = { from: 'drone', to: ['outbox', 'archive'] };
      const config = await place.configure(folders({ rule, devices: { drone, archive } }));
      const daemon = place.start(['run', '-c', config]);
      const seen = new Set<string>();
      let isMeasured = false;
      const becomes = (code: string, text: RegExp) =>
        eventually(async () => {
          const { verdict, devices } = await statusOf(place, config);
          seen.add(`${verdict.code} ${verdict.text}`);
          isMeasured ||= devices.some(
            ({ link }) => (link?.rtt_ms ?? 0) > 0 && (link?.bytes_per_second ?? 0) > 10_000,
          );
          return verdict.code === code && text.test(verdict.text);
        });

      const isSafeHere =
        /^1 file is safe on this computer, not yet on archive: .*; drone may be switched off$/;
      await becomes('SAFE', isSafeHere);
      vehicle.toggleArmed();
      await becomes('WAIT', /^drone is armed.*; leave drone on$/);
      await put(vehicle.path('log/b.bin'), sample(4_000_000, 2));
      assert.equal((await place.run(['status', '-c', config, '--exit-code'])).code, 1);
      vehicle.toggleArmed();
      // From here on until its file is whole on this computer, nothing says SAFE.
      seen.clear();
      await becomes('WAIT', /1 under way: drone:b\.bin .*; leave drone on$/);
      assert.deepEqual(
        [...seen].filter(one => one.startsWith('SAFE')),
        [],
      );
      await becomes('SAFE', /^2 files are safe on this computer, not yet on archive: /);
      assert.equal((await place.run(['status', '-c', config, '--exit-code'])).code, 0);

      await eventually(async () => {
        await becomes('SAFE', /./);
        return isMeasured;
      });
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));
});
