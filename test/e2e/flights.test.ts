import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { flight, type FlightView } from '../../src/api/schema.js';
import { startReceiver } from '../../src/demo/receiver.js';
import { eventually, sample } from '../conformance/support.js';
import { folders, jsonLines, put, sync } from './parts.js';
import { Place } from './program.js';

/** ms since the Unix epoch: some hours ago, so that the listing has no dates in the future. */
const T0 = Math.floor(Date.now() / 1000) * 1000 - 3 * 3_600_000;
const MINUTE = 60_000;

/** A file that was last changed so many minutes after T0. */
async function putAt(place: Place, path: string, minutes: number): Promise<void> {
  const time = new Date(T0 + minutes * MINUTE);
  const file = await put(place.path(path), sample(1000, minutes));
  await utimes(file, time, time);
}

/** Two flights: a log and two pictures, and a log alone. */
async function fly(place: Place): Promise<void> {
  await putAt(place, 'inbox/log/1.ulg', 0);
  await putAt(place, 'card/DCIM/1.jpg', -0.5);
  await putAt(place, 'card/DCIM/2.jpg', 0.5);
  await putAt(place, 'inbox/log/2.ulg', 30);
}

interface Ends {
  readonly site: string;
  /** Of the second rule, which takes the pictures. */
  readonly pictures?: object;
}

const configuration = ({ site, pictures = {} }: Ends): object => ({
  local: './data',
  devices: {
    inbox: { type: 'directory', path: './inbox' },
    camera: { type: 'directory', path: './card' },
    outbox: { type: 'directory', path: './outbox' },
    site: { type: 'http', url: site },
  },
  rules: [
    { from: 'inbox', to: ['outbox', 'site'], settle: 0 },
    { from: 'camera', to: ['outbox'], settle: 0, ...pictures },
  ],
});

async function withSite(place: Place, pictures = {}): Promise<string> {
  const { url } = place.use(await startReceiver({ folder: place.path('site') }));
  return place.configure(configuration({ site: `${url.replace(/\/upload$/, '')}/plain`, pictures }));
}

async function flights(place: Place, config: string, ...options: string[]): Promise<FlightView[]> {
  const { code, stdout, stderr } = await place.run(['flights', '-c', config, '--json', ...options]);
  assert.equal(code, 0, stderr);
  return jsonLines(stdout).map(line => flight.parse(line));
}

const summary = (all: readonly FlightView[]) =>
  all.map(({ state, files, devices, missing }) => [
    state,
    files,
    devices.join('+'),
    missing.map(({ text }) => text),
  ]);

describe('filesync flights', function () {
  this.timeout(60_000);

  it('shows what belongs together, where it was delivered, with links', () =>
    Place.with(async place => {
      await fly(place);
      const config = await withSite(place);
      await sync(place, config);
      const all = await flights(place, config);
      assert.deepEqual(summary(all), [
        ['COMPLETE', 1, 'inbox', []],
        ['COMPLETE', 3, 'camera+inbox', []],
      ]);
      assert.deepEqual(
        all[1]?.delivered.map(({ target, done, files }) => [target, done, files]),
        [
          ['outbox', 3, 3],
          ['site', 1, 1],
        ],
      );
      const [link = ''] = all[1]?.delivered[1]?.links ?? [];
      assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/files\//);
      const { stdout } = await place.run(['flights', '-c', config]);
      const [heading = '', newest = '', oldest = ''] = stdout.split('\n');
      assert.match(heading, /^WHEN +DURATION +VEHICLE +FILES +SIZE +STATE +DELIVERED TO, MISSING$/);
      assert.match(newest, /inbox +1 +1\.0 kB +COMPLETE +outbox; site: http/);
      assert.match(oldest, /camera, inbox +3 +3\.0 kB +COMPLETE +outbox; site: http/);
      assert.ok(oldest.endsWith(link));
    }));

  it('shows what is missing and why, and selects', () =>
    Place.with(async place => {
      await fly(place);
      const config = await withSite(place, { fetch: 'asked' });
      await sync(place, config);
      const [second, first] = await flights(place, config);
      assert.deepEqual(
        [second?.state, first?.state, first?.missing[0]?.files],
        ['COMPLETE', 'INCOMPLETE', 2],
      );
      assert.match(first?.missing[0]?.text ?? '', /^fetch: asked/);
      const { stdout } = await place.run(['flights', '-c', config, '--vehicle', 'camera']);
      assert.match(stdout, /INCOMPLETE +outbox 1 of 3; site: \S+; 2 files SKIPPED: fetch: asked/);
      assert.deepEqual(await flights(place, config, '--limit', '1'), [second]);
      assert.deepEqual(await flights(place, config, '--since', new Date(T0 + 20 * MINUTE).toISOString()), [
        second,
      ]);
    }));

  it('answers from a running daemon, which knows what files wait for', () =>
    Place.with(async place => {
      await putAt(place, 'inbox/log/1.ulg', 0);
      const archive = { type: 'ftp', host: '127.0.0.1', port: 1, user: 'u' };
      const config = await place.configure(
        folders({ rule: { to: ['outbox', 'archive'] }, devices: { archive } }),
      );
      const daemon = place.start(['run', '-c', config]);
      await eventually(async () => (await flights(place, config))[0]?.missing[0]?.code === 'offline');
      const [waiting] = await flights(place, config);
      assert.deepEqual([waiting?.state, waiting?.missing[0]?.device], ['UNDER_WAY', 'archive']);
      const { stdout } = await place.run(['flights', '-c', config]);
      assert.match(
        stdout,
        /UNDER WAY +outbox; archive 0 of 1; 1 file waits: archive offline since \d\d:\d\d \(/,
      );
      await daemon.kill('SIGTERM');
    }));

  it('says what to do where there is none, and what is wrong with a question', () =>
    Place.with(async place => {
      const config = await place.configure(folders());
      const ask = (...options: string[]) => place.run(['flights', '-c', config, ...options]);
      assert.deepEqual(await flights(place, config), []);
      const none = await ask();
      assert.deepEqual(
        [none.code, /no flights yet: `filesync sync`/.test(none.stdout)],
        [0, true],
        none.stdout,
      );
      assert.match((await ask('--since', '1h')).stdout, /^no such flight: without --since/);
      for (const [options, message] of [
        [['--vehicle', 'inbix'], /no log names a vehicle inbix, and no device is called so; .*inbox/],
        [['--since', 'soon'], /--since: "soon" is no time/],
        [['--limit', '0'], /--limit: must be a whole number above 0/],
      ] as const) {
        const { code, stderr } = await ask(...options);
        assert.equal(code, 2);
        assert.match(stderr, message);
      }
    }));
});
