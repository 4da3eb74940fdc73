import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { access, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sample } from '../conformance/support.js';
import { metadata } from '../data/bag-metadata.js';
import { bag } from '../data/make-mcap.js';
import { ftpOptions } from '../servers/ftp-bench.js';
import { startServer } from '../servers/ftp-servers.js';
import { filesBelow, folders, put, records, sync } from './parts.js';
import { randomFrom } from '../unit/db/crash-disk.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

const KILLS = Number(process.env['FILESYNC_BAG_KILLS'] ?? 12);
const SEED = Number(process.env['FILESYNC_SEED'] ?? Date.now() % 1_000_000);
/** ms after its start within which the program is killed: it is up after a third of that. */
const LATEST_MS = 1500;
const SPLITS = 20;
const LARGEST = 200_000;
/** ms between two looks at the targets. */
const LOOK_MS = 5;
const ROS = '/opt/ros/jazzy/setup.bash';
const MARKER = 'metadata.yaml';

const run = promisify(execFile);
const together = { folder: MARKER };

/** Hashes of all files of each bag, by its folder and their names. */
type Bags = Map<string, ReadonlyMap<string, string>>;

/** Puts the split files of a recording into the inbox, then what rosbag2 writes at its end, in one act. */
async function record(place: Place, bags: Bags, name: string, random: () => number): Promise<void> {
  const storage = random() < 0.5 ? 'mcap' : 'db3';
  const names = Array.from({ length: SPLITS }, (_, at) => `${name}_${at}.${storage}`);
  const hashes = new Map<string, string>();
  for (const [at, file] of names.entries()) {
    const bytes = sample(1 + Math.floor(random() * LARGEST), bags.size * SPLITS + at);
    hashes.set(file, sha256(bytes));
    await put(place.path('inbox', name, file), bytes);
  }
  const text = metadata(names, { storage: storage === 'db3' ? 'sqlite3' : storage });
  hashes.set(MARKER, sha256(text));
  bags.set(name, hashes);
  await put(place.path('inbox', name, `${MARKER}.part`), text);
  await rename(place.path('inbox', name, `${MARKER}.part`), place.path('inbox', name, MARKER));
}

/** Bags whose marker can be seen at the target before one of their files; looked for from the marker on. */
async function halfBags(target: string, bags: Bags): Promise<string[]> {
  const found: string[] = [];
  for (const [name, hashes] of bags) {
    const markerIsThere = await access(join(target, name, MARKER)).then(
      () => true,
      () => false,
    );
    if (!markerIsThere) continue;
    const there = new Set(await readdir(join(target, name)));
    for (const file of hashes.keys()) if (!there.has(file)) found.push(`${target}: ${name} without ${file}`);
  }
  return found;
}

/** Looks at the targets again and again until it is stopped. */
function watch(targets: readonly string[], bags: Bags) {
  const found = new Set<string>();
  let [looks, stopped] = [0, false];
  const watching = (async () => {
    for (; !stopped; looks++) {
      for (const target of targets) for (const half of await halfBags(target, bags)) found.add(half);
      await delay(LOOK_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      assert.ok(looks > 0);
      assert.deepEqual([...found], []);
    },
  };
}

describe(`bags of ${SPLITS} split files, killed ${KILLS} times (seed ${SEED})`, function () {
  this.timeout(90_000 + KILLS * 20_000);

  it('are never on a target with their marker before their parts', () =>
    Place.with(async place => {
      const server = await startServer('vsftpd');
      place.use({ close: () => server.stop() });
      const config = await place.configure(
        folders({
          rule: { to: ['outbox', 'archive'], together, after: { source: 'delete' } },
          top: { interval: '100ms' },
          devices: { archive: { type: 'ftp', ...ftpOptions(server), password: { env: 'P' } } },
        }),
      );
      const env = { P: server.password };
      const [random, bags, targets] = [
        randomFrom(SEED),
        new Map() as Bags,
        [place.path('outbox'), server.folder],
      ];
      const watching = watch(targets, bags);
      for (let kill = 0; kill < KILLS; kill++) {
        const program = place.start(['run', '-c', config], env);
        const recording = kill % 3 === 0 ? record(place, bags, `run${kill}`, random) : undefined;
        await delay(random() * LATEST_MS);
        await program.kill('SIGKILL');
        await recording;
        for (const target of targets) assert.deepEqual(await halfBags(target, bags), []);
      }
      await sync(place, config, { env });
      await watching.stop();
      for (const [name, hashes] of bags)
        for (const target of targets) {
          assert.deepEqual(await filesBelow(join(target, name)), [...hashes.keys()].sort());
          for (const [file, hash] of hashes) assert.equal(await hashOf(join(target, name, file)), hash, file);
        }
      assert.deepEqual(await filesBelow(place.path('inbox')), []);
    }));
});

describe('a bag', function () {
  this.timeout(60_000);

  it('waits in `status` as one, with its reason, and arrives when it is complete', () =>
    Place.with(async place => {
      const config = await place.configure(folders({ rule: { together } }));
      const parts = ['run_0.mcap', 'run_1.mcap', 'run_2.mcap'];
      for (const file of parts) await put(place.path('inbox/run', file), await bag());
      const said = await sync(place, config, { code: 1 });
      assert.match(said, /together: waits for metadata\.yaml of the folder run/);
      for (const { state } of await records(place, config)) assert.equal(state, 'DOWNLOADED');
      const { stdout } = await place.run(['status', '-c', config]);
      assert.match(stdout, /1 bag of 3 files/);
      await put(place.path('inbox/run', MARKER), metadata(parts));
      await sync(place, config);
      assert.deepEqual(await filesBelow(place.path('outbox/run')), [...parts, MARKER].sort());
    }));

  it('that `ros2 bag record` has made arrives whole', async function () {
    const isThere = await run('bash', ['-c', `source ${ROS} && ros2 bag record --help`]).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      this.test!.title += ' (skipped: `ros2 bag` is not installed here)';
      this.skip();
    }
    await Place.with(async place => {
      const config = await place.configure(folders({ rule: { together } }));
      const script = [
        `source ${ROS}`,
        'ros2 topic pub -r 50 /chatter std_msgs/msg/String "data: hello" >/dev/null & publisher=$!',
        `timeout -s INT 8 ros2 bag record -o ${place.path('inbox/run')} -d 2 /chatter`,
        'kill $publisher',
      ].join('\n');
      const recorder = spawn('bash', ['-c', script], { stdio: 'ignore' });
      await new Promise(resolve => recorder.on('close', resolve));
      const made = await filesBelow(place.path('inbox'));
      assert.ok(made.includes(`run/${MARKER}`) && made.length > 2, made.join());
      await sync(place, config);
      assert.deepEqual(await filesBelow(place.path('outbox')), made);
      for (const name of made) {
        assert.deepEqual(
          await readFile(place.path('outbox', name)),
          await readFile(place.path('inbox', name)),
        );
        assert.equal(dirname(name), 'run');
      }
    });
  });
});
