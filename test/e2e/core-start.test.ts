import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { startReceiver } from '../../src/demo/receiver.js';
import { sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, states, sync } from './parts.js';
import { Place } from './program.js';

const NAMES = ['1.bin', '2.bin', '3.bin'];
const fill = async (place: Place) => {
  for (const [index, name] of NAMES.entries()) await put(place.path('inbox', name), sample(10_000, index));
};
const all = (state: string) => NAMES.map(name => `${name} ${state}`);

describe('filesync, a first start or a lost database', function () {
  this.timeout(120_000);

  it('begin: new leaves alone what was there before', () =>
    Place.with(async place => {
      await fill(place);
      const site = place.use(await startReceiver({ folder: place.path('site') }));
      const devices = { site: { type: 'http', url: `${site.url}/plain` } };
      const config = await place.configure(folders({ rule: { to: ['site'], begin: 'new' }, devices }));
      await sync(place, config);
      await put(place.path('inbox/4.bin'), sample(10_000, 4));
      await sync(place, config);
      assert.deepEqual(
        site.received.map(({ name }) => name),
        ['4.bin'],
      );
      assert.deepEqual(await states(place, config), [...all('SKIPPED'), '4.bin UPLOADED']);
    }));

  /** All has been delivered, and the database is gone. */
  async function adopts(place: Place, devices: object, env: Record<string, string>): Promise<string> {
    await fill(place);
    const config = await place.configure(folders({ devices }));
    await sync(place, config, { env });
    await rm(place.path('data'), { recursive: true });
    const adopted = await place.run(['adopt', '-c', config], env);
    assert.equal(adopted.code, 0, adopted.stdout + adopted.stderr);
    assert.match(adopted.stdout, /3 adopted, 0 still to be delivered/);
    assert.deepEqual(await states(place, config), all('UPLOADED'));
    const said = await sync(place, config, { env });
    assert.match(said, /0 delivered, 0 unfinished/);
    assert.doesNotMatch(said, /downloaded/);
    assert.deepEqual(await filesBelow(place.path('data/inbox')), []);
    return config;
  }

  it('adopt takes what a folder holds as delivered, by hash, and sends nothing', () =>
    Place.with(async place => {
      const config = await adopts(place, {}, {});
      assert.deepEqual(await filesBelow(place.path('outbox')), NAMES);
      await put(place.path('outbox/2.bin'), sample(10_000, 7));
      await rm(place.path('data'), { recursive: true });
      const { stdout } = await place.run(['adopt', '-c', config]);
      assert.match(stdout, /2 adopted, 1 still to be delivered/, 'other bytes are another file');
      await sync(place, config);
      assert.equal((await filesBelow(place.path('outbox'))).length, 4);
    }));

  it('adopt takes what an FTP server holds as delivered', () =>
    Place.with(async place => {
      const server = await startServer('proftpd');
      place.use({ close: () => server.stop() });
      const outbox = { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } };
      await adopts(place, { outbox }, { P: server.password });
      assert.deepEqual(await filesBelow(server.folder), NAMES);
    }));
});

describe('filesync, what has been done', function () {
  this.timeout(120_000);

  const rule = { delete_after: '0s', after: { source: 'delete', local: 'delete' } };

  it('moves to the archive, which `files --all` shows: keep_records', () =>
    Place.with(async place => {
      await fill(place);
      const config = await place.configure(folders({ rule, top: { keep_records: '0s' } }));
      await sync(place, config);
      assert.deepEqual(await states(place, config), []);
      assert.deepEqual(await states(place, config, '--all'), all('REMOVED'));
      await put(place.path('inbox/1.bin'), sample(10_000, 9));
      await place.configure(folders({ rule }));
      await sync(place, config);
      assert.deepEqual(await states(place, config), ['1.bin REMOVED']);
      assert.equal((await states(place, config, '--all')).length, 4);
    }));

  it('leaves no local copy although a power cut brings one back', () =>
    Place.with(async place => {
      await fill(place);
      const config = await place.configure(folders({ rule: { after: { local: 'delete' } } }));
      await sync(place, config);
      await put(place.path('data/inbox/1.bin'), sample(10_000, 0));
      await put(place.path('data/inbox/own.txt'), sample(10));
      assert.match(await sync(place, config), /without a record: 1, such as inbox\/own\.txt/);
      assert.deepEqual(await filesBelow(place.path('data/inbox')), ['own.txt']);
    }));
});
