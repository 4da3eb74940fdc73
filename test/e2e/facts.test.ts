import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { eventually, sample } from '../conformance/support.js';
import { filesBelow, folders, put, records, states, sync } from './parts.js';
import { Place, type Program } from './program.js';

const data = (name: string): Promise<Buffer> =>
  readFile(fileURLToPath(new URL(`../data/${name}`, import.meta.url)));

/** Logs of 9.8 s, 3.9 s and 20 s, a picture, and a file of no format. */
async function putSamples(place: Place): Promise<void> {
  await put(place.path('inbox/long/flight.ulg'), await data('flight-appended.ulg'));
  await put(place.path('inbox/short/cut.ulg'), await data('flight-cut.ulg'));
  await put(place.path('inbox/00000012.BIN'), await data('flight.bin'));
  await put(place.path('inbox/photo.jpg'), await data('photo.jpg'));
  await put(place.path('inbox/notes.txt'), sample(1000));
}

const PX4 = '0035002B3434511732343031';
const COPTER = '003B00363138511333343733';
const named = { path: '{log.vehicle}/{log.start|file.date}_{log.duration}_{file.name}' };

describe('filesync, facts of files', function () {
  this.timeout(120_000);

  it('choose by duration, name the files on the target, and are shown', () =>
    Place.with(async place => {
      await putSamples(place);
      const config = await place.configure(folders({ rule: { ...named, min_duration: '5s' } }));
      await sync(place, config);
      const sent = await filesBelow(place.path('outbox'));
      assert.equal(sent.length, 4, sent.join());
      assert.ok(sent.includes(`${COPTER}/2026-07-02T09-30-07Z_20_00000012.BIN`), sent.join());
      assert.ok(
        sent.some(name => name.startsWith(`${PX4}/`) && name.endsWith('_10_flight.ulg')),
        sent.join(),
      );
      assert.ok(sent.includes('unknown/2026-07-02T09-30-12Z_unknown_photo.jpg'), sent.join());
      const all = await records(place, config);
      const one = (path: string) => all.find(record => record.path === path) ?? assert.fail(path);
      const { facts } = one('long/flight.ulg');
      assert.deepEqual([facts?.duration, facts?.vehicle, facts?.warnings], [9.78, PX4, 1]);
      assert.equal(one('00000012.BIN').facts?.start, '2026-07-02T09:30:07.400Z');
      assert.equal(one('00000012.BIN').facts?.position, undefined);
      assert.equal(one('notes.txt').facts, null);
      const short = one('short/cut.ulg');
      assert.equal(short.state, 'SKIPPED');
      assert.match(short.reason, /^min_duration: 5s \(it is 3\.8 s long; filesync fetch ID takes it\)$/);
      assert.equal(short.facts?.ends_only, true);
      assert.equal(short.kept, false);
      const shown = await place.run(['show', one('long/flight.ulg').id, '-c', config]);
      assert.match(shown.stdout, /in the file:\n +format +ulog\n/);
      assert.match(shown.stdout, /duration +9\.78 s/);
      assert.equal((await place.run(['fetch', short.id, '-c', config])).code, 0);
      await sync(place, config);
      assert.equal((await filesBelow(place.path('outbox'))).length, 5);
      const again = (await records(place, config)).find(({ id }) => id === short.id);
      assert.deepEqual([again?.state, again?.facts?.ends_only], ['UPLOADED', undefined]);
    }));

  it('are not read with facts: false: names get the fallback', () =>
    Place.with(async place => {
      await putSamples(place);
      const config = await place.configure(folders({ rule: named, top: { facts: false } }));
      await sync(place, config);
      assert.ok((await records(place, config)).every(({ facts }) => facts === null));
      assert.ok((await filesBelow(place.path('outbox'))).every(name => /^unknown\/.*_unknown_/.test(name)));
    }));

  it('of what a daemon fetched before are read when it starts again, and it ends at once', () =>
    Place.with(async place => {
      await putSamples(place);
      const config = await place.configure(folders({ top: { facts: false } }));
      await sync(place, config);
      await place.configure(folders({ top: { facts: { position: true } } }));
      const daemon: Program = place.start(['run', '-c', config]);
      await eventually(
        async () => (await records(place, config)).filter(({ facts }) => facts !== null).length === 4,
      );
      const copter = (await records(place, config)).find(({ path }) => path === '00000012.BIN');
      assert.equal(copter?.facts?.position?.latitude, 47.3977419);
      const { code, signal } = await daemon.kill('SIGTERM');
      assert.deepEqual([code, signal], [143, null]);
      assert.equal((await states(place, config)).filter(state => state.endsWith('UPLOADED')).length, 5);
    }));
});
