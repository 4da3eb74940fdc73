import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isInMemory } from '../../src/system/memory-file-system.js';
import { eventually, sample } from '../conformance/support.js';
import { filesBelow, folders, put, records, smallDisk, states, sync, whyNoMount } from './parts.js';
import { Place } from './program.js';

const MB = 1024 * 1024;

describe('filesync, on a small disk', function () {
  this.timeout(60_000);

  before(function () {
    const reason = whyNoMount();
    if (reason === undefined) return;
    console.log(`    skipped: ${reason}`);
    this.skip();
  });

  it('room that has been made is used at once', async function () {
    // Waiting for room once a minute, as it was, takes four.
    this.timeout(25_000);
    await Place.with(async place => {
      const count = 24;
      for (let index = 0; index < count; index++)
        await put(place.path('inbox', `${index}.bin`), sample(MB, index));
      await smallDisk(place, 'small', '8m');
      const config = await place.configure(
        folders({
          rule: { after: { local: 'delete' } },
          top: { local: './small/data', database: './small/filesync.json' },
        }),
      );
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => (daemon.stderr.match(/-> outbox: delivered/g) ?? []).length === count);
      assert.equal((await filesBelow(place.path('outbox'))).length, count);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    });
  });

  it('nothing is fetched into what has to stay free, and `min_free` is named', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(5 * MB));
      await smallDisk(place, 'small', '8m');
      const top = { local: './small/data', database: './filesync.json' };
      const config = await place.configure(folders({ top: { ...top, min_free: '50%' } }));
      assert.match(await sync(place, config, { code: 1 }), /a\.bin: FOUND: .*`min_free` \(50%\)/);
      assert.deepEqual(await filesBelow(place.path('outbox')), []);
      assert.ok(await statfs(place.path('small')).then(({ bavail, bsize }) => bavail * bsize > 4 * MB));
      await place.configure(folders({ top: { ...top, min_free: '1MB' } }));
      await sync(place, config);
      assert.deepEqual(await states(place, config), ['a.bin UPLOADED']);
    }));

  it('the oldest proven file goes from its source, and only when that needs the space: keep_free', () =>
    Place.with(async place => {
      const card = await smallDisk(place, 'card', '8m');
      const names = ['1.bin', '2.bin', '3.bin', '4.bin'];
      const fill = async (name: string) => {
        const path = await put(join(card, name), sample(MB, Number(name[0])));
        const at = new Date(Date.UTC(2026, 0, Number(name[0])));
        await utimes(path, at, at);
      };
      for (const name of names) await fill(name);
      const rule = (free: string) => ({
        ...{ from: 'card', order: 'oldest', delete_after: '0s' },
        after: { source: { keep_free: free }, local: 'delete' },
      });
      const devices = { card: { type: 'directory', path: './card' } };
      const config = await place.configure(folders({ rule: rule('2MB'), devices }));
      await sync(place, config);
      await sync(place, config);
      assert.deepEqual(await filesBelow(card), names);
      for (const { state } of await records(place, config)) assert.equal(state, 'UPLOADED');
      await place.configure(folders({ rule: rule('4.5MB'), devices }));
      await sync(place, config);
      await sync(place, config);
      assert.deepEqual(await filesBelow(card), names.slice(1));
      assert.deepEqual(await states(place, config), [
        '1.bin REMOVED',
        ...names.slice(1).map(name => `${name} UPLOADED`),
      ]);
      assert.deepEqual(await filesBelow(place.path('outbox')), names);
    }));
});

describe('filesync, in memory', function () {
  this.timeout(60_000);

  it('`run`, `sync` and `check` warn when local copies or the database would be lost with power', async function () {
    if (!(await isInMemory('/dev/shm'))) return this.skip();
    const memory = await mkdtemp('/dev/shm/filesync-');
    await Place.with(async place => {
      place.use({ close: () => rm(memory, { recursive: true }) });
      await put(place.path('inbox/a.bin'), sample(10));
      const top = { local: memory, database: `${memory}/filesync.json` };
      const config = await place.configure(folders({ top }));
      const warned = (said: string) => {
        for (const key of ['local', 'database'])
          assert.match(said, new RegExp(`${key}: ${memory}\\S* is in memory`));
      };
      warned(await sync(place, config));
      warned((await place.run(['check', '-c', config])).stderr);
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/working with/);
      warned(daemon.stderr);
      await place.configure(folders());
      assert.doesNotMatch(await sync(place, config), /is in memory/);
    });
  });
});
