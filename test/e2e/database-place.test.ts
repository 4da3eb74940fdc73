import assert from 'node:assert/strict';
import { mkdir, rename, rm } from 'node:fs/promises';
import { filesBelow, folders, put, states } from './parts.js';
import { Place, type Ended } from './program.js';

/** A configuration of the folder whose local copies lie in `local`, and its target in a folder of its own. */
const configure = (
  place: Place,
  name: string,
  local: string | undefined,
  more: object = {},
): Promise<string> => {
  const { local: _default, ...config } = folders({
    devices: { outbox: { type: 'directory', path: `./out-${name}` } },
  }) as { local: string };
  return place.configure({ ...config, ...(local !== undefined && { local }), ...more }, `${name}.yaml`);
};

const sync = (place: Place, config: string): Promise<Ended> => place.run(['sync', '-c', config]);

async function syncDone(place: Place, config: string): Promise<Ended> {
  const ended = await sync(place, config);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  return ended;
}

const outOf = (place: Place, name: string): Promise<string[]> => filesBelow(place.path(`out-${name}`));

/** The state that an earlier version has left: local copies in `local`, the database in `data`. */
async function asBefore(place: Place, name: string, local: string): Promise<string> {
  const config = await configure(place, name, local, { database: './data/filesync.json' });
  await syncDone(place, config);
  return configure(place, name, local);
}

describe('the database of a configuration that names none', function () {
  this.timeout(60_000);

  it('is not that of another configuration in the folder', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const [one, two] = [await configure(place, 'one', './one'), await configure(place, 'two', './two')];
      await syncDone(place, one);
      await syncDone(place, two);
      assert.deepEqual(await outOf(place, 'one'), ['a.bin']);
      assert.deepEqual(await outOf(place, 'two'), ['a.bin']);
      assert.ok((await filesBelow(place.path('one'))).includes('filesync.json.journal'));
    }));

  it('is not that of the one with the default, either, though its devices have the same names', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const [one, two] = [await configure(place, 'one', undefined), await configure(place, 'two', './two')];
      await syncDone(place, one);
      const { stderr } = await syncDone(place, two);
      assert.doesNotMatch(stderr, /warning/);
      assert.deepEqual(await outOf(place, 'two'), ['a.bin']);
      await syncDone(place, two);
      assert.deepEqual(await states(place, two), ['a.bin UPLOADED']);
    }));

  it('stays where an earlier version has put it: nothing is delivered again', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const config = await asBefore(place, 'one', './elsewhere');
      await rm(place.path('out-one/a.bin'));
      for (const command of ['sync', 'check', 'status']) {
        const { code, stderr } = await place.run([command, '-c', config]);
        assert.equal(code, 0, stderr);
        assert.match(
          stderr,
          /warning: database: the records in .*data\/filesync\.json.*go on being used; write "database: \.\/data\/filesync\.json"/,
        );
      }
      assert.deepEqual(await outOf(place, 'one'), []);
      assert.deepEqual(await filesBelow(place.path('elsewhere')), ['inbox/a.bin']);
    }));

  it('stays there also where no local copies tell whose it is', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const config = await asBefore(place, 'one', './elsewhere');
      await rm(place.path('elsewhere'), { recursive: true });
      await rm(place.path('out-one/a.bin'));
      const { stderr } = await syncDone(place, config);
      assert.match(stderr, /go on being used/);
      assert.deepEqual(await outOf(place, 'one'), []);
    }));

  it('is used where it was moved to, as the warning says, without a warning', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const config = await asBefore(place, 'one', './elsewhere');
      for (const name of await filesBelow(place.path('data')))
        await rename(place.path('data', name), place.path('elsewhere', name));
      await rm(place.path('out-one/a.bin'));
      assert.doesNotMatch((await syncDone(place, config)).stderr, /warning/);
      assert.deepEqual(await outOf(place, 'one'), []);
    }));

  it('is not that of other devices', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      await syncDone(place, await configure(place, 'one', undefined));
      await mkdir(place.path('card'));
      const other = folders({
        devices: { card: { type: 'directory', path: './card' } },
        rule: { from: 'card' },
      });
      const config = await place.configure({ ...other, local: './two' }, 'two.yaml');
      assert.doesNotMatch((await syncDone(place, config)).stderr, /warning/);
    }));

  it('asks where "local" was changed, and delivers nothing again', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), Buffer.from('first'));
      const before = await configure(place, 'one', undefined);
      await syncDone(place, before);
      await rm(place.path('out-one/a.bin'));
      const config = await configure(place, 'one', './elsewhere');
      const { code, stderr } = await sync(place, config);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /data\/filesync\.json has records of inbox, but their local copies are in .*If "local" was changed/,
      );
      assert.deepEqual(await outOf(place, 'one'), []);
      const named = await configure(place, 'one', './elsewhere', { database: './data/filesync.json' });
      await syncDone(place, named);
      assert.deepEqual(await outOf(place, 'one'), []);
    }));
});
