import assert from 'node:assert/strict';
import { STORES } from '../servers/stores.js';
import { put } from './parts.js';
import { Place } from './program.js';

/** Servers that refuse a name which is taken at the very moment of publishing; FTP and Swift have no such command. */
const ATOMIC = Object.entries(STORES).filter(([kind]) => !/^(?!sftp).*ftpd$|swift/.test(kind));
const VEHICLES = ['drone1', 'drone2', 'drone3'];
const NAMES = ['a.bin', 'b.bin', 'c.bin'];

describe('vehicles that write under the same names at once', function () {
  this.timeout(240_000);

  for (const [kind, start] of ATOMIC)
    for (const via of ['local', 'stream'])
      it(`keep every file on ${kind}, ${via}`, () =>
        Place.with(async place => {
          const store = await start();
          place.use({ close: () => store.stop() });
          const passes = VEHICLES.map(async vehicle => {
            for (const name of NAMES)
              await put(place.path(vehicle, name), Buffer.alloc(50_000, vehicle + name));
            const config = await place.configure(
              {
                ...{ vehicle, local: `./data-${vehicle}` },
                devices: { logs: { type: 'directory', path: `./${vehicle}` }, store: store.device },
                rules: [{ from: 'logs', to: ['store'], settle: 0, path: 'same/{file.path}', via }],
              },
              `${vehicle}.yaml`,
            );
            return place.run(['sync', '-c', config]);
          });
          for (const { code, stdout, stderr } of await Promise.all(passes))
            assert.equal(code, 0, stdout + stderr);
          const there = await store.files();
          const contents = [...there.values()];
          assert.equal(contents.length, VEHICLES.length * NAMES.length, [...there.keys()].join(' '));
          for (const vehicle of VEHICLES)
            for (const name of NAMES)
              assert.ok(
                contents.some(bytes => bytes.equals(Buffer.alloc(50_000, vehicle + name))),
                vehicle + name,
              );
        }));
});
