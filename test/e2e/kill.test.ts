import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer, type FtpServer } from '../servers/ftp-servers.js';
import { assertHolds, killWhileFilesCome } from './kills.js';
import { folders, records } from './parts.js';
import { Place } from './program.js';

const KILLS = Number(process.env['FILESYNC_KILLS'] ?? 30);
const SEED = Number(process.env['FILESYNC_SEED'] ?? Date.now() % 1_000_000);
/** ms that the page takes for every second answer: a kill may come in between. */
const SLOW_ANSWER_MS = 200;
const LOST_ANSWER = /may have arrived/;

interface Ends {
  readonly place: Place;
  readonly config: string;
  readonly server: FtpServer;
  readonly page: Receiver;
  readonly env: Record<string, string>;
}

/** A folder whose files go to another folder, a real FTP server and an upload page that cannot be asked. */
async function makeEnds(place: Place): Promise<Ends> {
  const server = await startServer('vsftpd');
  place.use({ close: () => server.stop() });
  const answer = { status: 200, body: '{}' };
  const trouble = (upload: number) =>
    upload % 2 === 0 ? undefined : { after: Infinity, answer, until: delay(SLOW_ANSWER_MS) };
  const page = place.use(await startReceiver({ folder: place.path('site'), trouble }));
  const config = await place.configure(
    folders({
      rule: { to: ['outbox', 'archive', 'page'] },
      top: { interval: '100ms' },
      devices: {
        archive: { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } },
        page: { type: 'http', url: `${page.url}/plain` },
      },
    }),
  );
  return { place, config, server, page, env: { P: server.password } };
}

/** None was sent twice; what was not recorded as delivered is FAILED, as its answer was lost. */
async function assertPage({ place, config, page }: Ends, hashes: ReadonlyMap<string, string>): Promise<void> {
  const files = await records(place, config);
  assert.equal(files.length, hashes.size);
  let held = 0;
  for (const { path, state, reason, targets } of files) {
    const count = page.received.filter(one => one.sha256 === hashes.get(path)).length;
    if (targets.find(({ target }) => target === 'page')?.state === 'DONE') {
      assert.equal(count, 1, `${path} is on the page ${count} times`);
      assert.equal(state, 'UPLOADED', path);
      continue;
    }
    held += 1;
    assert.equal(state, 'FAILED', `${path}: ${reason}`);
    assert.match(reason ?? '', LOST_ANSWER);
    assert.ok(count <= 1, `${path} is on the page ${count} times`);
  }
  console.log(`    ${hashes.size} files, ${held} held for a lost answer`);
}

describe(`filesync run, killed ${KILLS} times (seed ${SEED})`, function () {
  this.timeout(60_000 + KILLS * 10_000);

  it('loses nothing and sends nothing twice', () =>
    Place.with(async place => {
      const ends = await makeEnds(place);
      const hashes = await killWhileFilesCome(ends, KILLS, SEED);
      const { code, stdout, stderr } = await place.run(['sync', '-c', ends.config], ends.env);
      const lost = stdout.split('\n').filter(line => / FAILED: /.test(line));
      assert.equal(code, lost.length > 0 ? 1 : 0, stdout + stderr);
      for (const folder of ['inbox', 'outbox', 'data/inbox']) await assertHolds(place.path(folder), hashes);
      await assertHolds(ends.server.folder, hashes);
      await assertPage(ends, hashes);
    }));
});
