import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { startReceiver } from '../../src/demo/receiver.js';
import { sample } from '../conformance/support.js';
import { filesBelow, folders, put, records, states, sync, type FoldersOptions } from './parts.js';
import { Place } from './program.js';

/** The id of the record of that path. */
async function idOf(place: Place, config: string, path: string): Promise<string> {
  const found = (await records(place, config)).find(record => record.path === path);
  assert.ok(found, `no record of ${path}`);
  return found.id;
}

/** A page that will not take anything for an hour. */
async function refusing(place: Place): Promise<object> {
  const answer = { status: 503, headers: { 'retry-after': '3600' } };
  const trouble = () => ({ after: 0, answer });
  const site = place.use(await startReceiver({ folder: place.path('away'), trouble }));
  return { type: 'http', url: `${site.url}/plain` };
}

describe('filesync, rules that have changed', function () {
  this.timeout(120_000);

  it('what they exclude by now is not sent', () =>
    Place.with(async place => {
      await put(place.path('inbox/secret.bin'), sample(1000));
      await place.configure(folders({ rule: { to: ['site'] }, devices: { site: await refusing(place) } }));
      const config = place.path('filesync.yaml');
      await sync(place, config, { code: 1 });
      await place.configure(folders({ rule: { exclude: ['secret*'] } }));
      await sync(place, config);
      assert.deepEqual(await filesBelow(place.path('outbox')), []);
      assert.deepEqual(await states(place, config), ['secret.bin SKIPPED']);
      const [record] = await records(place, config);
      assert.match(record?.reason ?? '', /^include, exclude: /);
      await place.configure(folders());
      await sync(place, config);
      assert.deepEqual(await states(place, config), ['secret.bin UPLOADED']);
    }));

  it('a target that is in none leaves nothing PARTIAL', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000, 1));
      await put(place.path('inbox/b.bin'), sample(1000, 2));
      const devices = { site: await refusing(place) };
      const config = await place.configure(folders({ rule: { to: ['outbox', 'site'] }, devices }));
      await sync(place, config, { code: 1 });
      assert.deepEqual(await states(place, config), ['a.bin PARTIAL', 'b.bin PARTIAL']);
      await place.configure(folders());
      assert.match(await sync(place, config), /0 unfinished/);
      assert.deepEqual(await states(place, config), ['a.bin UPLOADED', 'b.bin UPLOADED']);
    }));

  it('the records of a device that is in none fail no pass, and say why they rest', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const devices = { site: await refusing(place) };
      const config = await place.configure(folders({ rule: { to: ['site'] }, devices }));
      await sync(place, config, { code: 1 });
      await put(place.path('other/c.bin'), sample(1000, 3));
      const other = { type: 'directory', path: './other' };
      const { outbox } = (folders() as { devices: { outbox: object } }).devices;
      const rules = [{ from: 'other', to: ['outbox'], settle: 0, path: '{file.path}' }];
      await place.configure({ local: './data', devices: { other, outbox }, rules });
      assert.match(await sync(place, config), /1 delivered, 0 unfinished/);
      assert.deepEqual(await states(place, config), ['a.bin SKIPPED', 'c.bin UPLOADED']);
      const [record] = await records(place, config, '--device', 'inbox');
      assert.match(record?.reason ?? '', /no rule takes files like this from inbox/);
    }));

  it('a file that was forgotten twice is the same file, at home and on the target', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const config = await place.configure(folders());
      await sync(place, config);
      for (let times = 0; times < 2; times++) {
        assert.equal((await place.run(['forget', await idOf(place, config, 'a.bin'), '-c', config])).code, 0);
        await sync(place, config);
      }
      assert.deepEqual(await states(place, config), ['a.bin UPLOADED']);
      assert.deepEqual(await filesBelow(place.path('data/inbox')), ['a.bin']);
      assert.deepEqual(await filesBelow(place.path('outbox')), ['a.bin']);
    }));
});

describe('filesync cancel', function () {
  this.timeout(60_000);

  it('gives up a file that waits, until it is retried', () =>
    Place.with(async place => {
      await put(place.path('inbox/a.bin'), sample(1000));
      const devices = { site: await refusing(place) };
      const config = await place.configure(folders({ rule: { to: ['site'] }, devices }));
      await sync(place, config, { code: 1 });
      const id = await idOf(place, config, 'a.bin');
      const cancelled = await place.run(['cancel', id.slice(0, 6), '-c', config]);
      assert.deepEqual(
        [cancelled.code, cancelled.stdout],
        [0, `${id} is cancelled (\`filesync retry\` resumes it)\n`],
      );
      assert.deepEqual(await states(place, config), ['a.bin FAILED']);
      const again = await place.run(['cancel', id, '-c', config, '--json']);
      assert.equal(again.code, 1);
      assert.deepEqual(JSON.parse(again.stdout), {
        changed: [],
        refused: [{ id, reason: 'it is FAILED; nothing of it is under way or waits' }],
      });
      assert.equal((await place.run(['retry', id, '-c', config])).code, 0);
      assert.deepEqual(await states(place, config), ['a.bin DOWNLOADED']);
    }));
});

describe('filesync, what a rule does not want yet', function () {
  this.timeout(120_000);

  /** Three files; those that were there at the first scan are the first two. */
  async function skipping(
    rule: object,
    { expected, key }: { expected: readonly string[]; key: RegExp },
    more: FoldersOptions = {},
  ): Promise<void> {
    await Place.with(async place => {
      await put(place.path('inbox/big.bin'), sample(3000, 1));
      await put(place.path('inbox/small.bin'), sample(100, 2));
      const config = await place.configure(folders({ ...more, rule }));
      await sync(place, config);
      await put(place.path('inbox/later.bin'), sample(1000, 3));
      assert.match(await sync(place, config), / 0 unfinished/);
      assert.deepEqual(await states(place, config), expected);
      const wanted = expected.filter(one => one.endsWith('UPLOADED')).map(one => one.split(' ')[0]);
      assert.deepEqual(await filesBelow(place.path('outbox')), wanted);
      assert.deepEqual(await filesBelow(place.path('data/inbox')), wanted);
      const { stdout } = await place.run(['files', '-c', config, '--state', 'SKIPPED']);
      for (const line of stdout.trim().split('\n').slice(1)) assert.match(line, key);
      const skipped = (await records(place, config)).filter(({ state }) => state === 'SKIPPED');
      for (const { state, reason = '' } of skipped) {
        assert.equal(state, 'SKIPPED');
        assert.match(reason, key);
      }
      await fetched(place, config, skipped[0]?.path ?? '');
    });
  }

  /** A person asks for it, and gets it. */
  async function fetched(place: Place, config: string, path: string): Promise<void> {
    const asked = await place.run(['fetch', await idOf(place, config, path), '-c', config]);
    assert.equal(asked.code, 0, asked.stdout + asked.stderr);
    assert.match(await sync(place, config), /1 delivered, 0 unfinished/);
    assert.ok((await filesBelow(place.path('outbox'))).includes(path));
    assert.ok((await states(place, config)).includes(`${path} UPLOADED`));
  }

  it('is too small: larger_than', () =>
    skipping(
      { larger_than: '500B' },
      {
        expected: ['big.bin UPLOADED', 'later.bin UPLOADED', 'small.bin SKIPPED'],
        key: /larger_than: 500 B/,
      },
    ));

  it('is too large: smaller_than', () =>
    skipping(
      { smaller_than: 2000 },
      {
        expected: ['big.bin SKIPPED', 'later.bin UPLOADED', 'small.bin UPLOADED'],
        key: /smaller_than: 2\.0 kB/,
      },
    ));

  it('was there at the first scan: begin', () =>
    skipping(
      { begin: 'new' },
      { expected: ['big.bin SKIPPED', 'later.bin UPLOADED', 'small.bin SKIPPED'], key: /begin: new/ },
    ));

  it('has not been asked for: fetch', () =>
    skipping(
      { fetch: 'asked' },
      { expected: ['big.bin SKIPPED', 'later.bin SKIPPED', 'small.bin SKIPPED'], key: /fetch: asked/ },
    ));
});

describe('filesync, the order', function () {
  this.timeout(120_000);

  const DAY = 86_400_000;
  const FILES = [
    { name: 'middle.bin', size: 300, age: 2 * DAY },
    { name: 'old.bin', size: 200, age: 3 * DAY },
    { name: 'new.bin', size: 100_000, age: DAY },
  ];

  const fill = async (place: Place) => {
    for (const [index, { name, size, age }] of FILES.entries()) {
      const path = await put(place.path('inbox', name), sample(size, index));
      const at = new Date(Date.now() - age);
      await utimes(path, at, at);
    }
  };

  const one = { inbox: { type: 'directory', path: './inbox', connections: 1 } };

  const inOrder = (rule: object, expected: readonly string[]) =>
    Place.with(async place => {
      await fill(place);
      const said = await sync(place, await place.configure(folders({ rule, devices: one })));
      const order = [...said.matchAll(/inbox:(\S+\.bin): downloaded/g)].map(([, name]) => name);
      assert.deepEqual(order, expected);
    });

  it('is newest first by default', () => inOrder({}, ['new.bin', 'middle.bin', 'old.bin']));
  it('is oldest first', () => inOrder({ order: 'oldest' }, ['old.bin', 'middle.bin', 'new.bin']));
  it('is smallest first', () => inOrder({ order: 'smallest' }, ['old.bin', 'middle.bin', 'new.bin']));

  it('begins with what a person moved to the front', () =>
    Place.with(async place => {
      await fill(place);
      const site = await refusing(place);
      const config = await place.configure(folders({ rule: { to: ['site'] }, devices: { site } }));
      await sync(place, config, { code: 1 });
      const moved = await place.run(['first', await idOf(place, config, 'old.bin'), '-c', config]);
      assert.equal(moved.code, 0, moved.stdout + moved.stderr);
      const outbox = { type: 'directory', path: './outbox', connections: 1 };
      await place.configure(folders({ devices: { outbox } }));
      const said = await sync(place, config);
      const order = [...said.matchAll(/inbox:(\S+\.bin) -> outbox: delivered/g)].map(([, name]) => name);
      assert.deepEqual(order, ['old.bin', 'new.bin', 'middle.bin']);
    }));
});
