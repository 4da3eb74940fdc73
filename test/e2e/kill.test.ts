import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startReceiver, type Receiver } from '../../src/demo/receiver.js';
import { sample } from '../conformance/support.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer, type FtpServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, records } from './parts.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

const KILLS = Number(process.env['FILESYNC_KILLS'] ?? 30);
const SEED = Number(process.env['FILESYNC_SEED'] ?? Date.now() % 1_000_000);
/** ms after its start within which the program is killed: it is up after a third of that. */
const LATEST_MS = 1500;
const LARGEST = 1_000_000;
/** ms that the page takes for every second answer: a kill may come in between. */
const SLOW_ANSWER_MS = 200;
const LOST_ANSWER = /may have arrived/;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

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

/** Every name with the hash of its bytes lies there, and nothing else. */
async function assertHolds(folder: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  assert.deepEqual(await filesBelow(folder), [...hashes.keys()].sort());
  for (const [name, hash] of hashes) assert.equal(await hashOf(join(folder, name)), hash, join(folder, name));
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
      const random = randomFrom(SEED);
      const hashes = new Map<string, string>();
      for (let kill = 0; kill < KILLS; kill++) {
        for (const letter of ['a', 'b']) {
          const name = `${kill}${letter}.bin`;
          const bytes = sample(1 + Math.floor(random() * LARGEST), hashes.size);
          hashes.set(name, sha256(bytes));
          await put(place.path('inbox', name), bytes);
        }
        const program = place.start(['run', '-c', ends.config], ends.env);
        await delay(random() * LATEST_MS);
        const { stderr } = await program.kill('SIGKILL');
        assert.doesNotMatch(stderr, /corrupt|quarantine/i);
      }
      const { code, stdout, stderr } = await place.run(['sync', '-c', ends.config], ends.env);
      const lost = stdout.split('\n').filter(line => / FAILED: /.test(line));
      assert.equal(code, lost.length > 0 ? 1 : 0, stdout + stderr);
      for (const folder of ['inbox', 'outbox', 'data/inbox']) await assertHolds(place.path(folder), hashes);
      await assertHolds(ends.server.folder, hashes);
      await assertPage(ends, hashes);
    }));
});
