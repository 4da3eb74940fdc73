import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { DirectorySource } from '../../src/devices/directory/source.js';
import { DirectoryTarget } from '../../src/devices/directory/target.js';
import { LocalStorage } from '../../src/local/storage.js';
import type { Outgoing } from '../../src/ports.js';
import { checksumOf, sample } from '../conformance/support.js';
import { deviceContext } from '../fakes/device-context.js';
import { randomFrom } from '../unit/db/crash-disk.js';
import { CrashFs, systemError } from './crash-fs.js';
import { interceptFileSystem, mount, unmount } from './disk-mount.js';
import { Activity, ProcessLife } from './process-life.js';

/** What a killed process still asks for fails, so that it gives back the slots for calls, which all processes of a test share. */
class EndedLife extends ProcessLife {
  #ended = false;

  override kill(): void {
    this.#ended = true;
  }

  override async alive(): Promise<void> {
    if (this.#ended) throw systemError('EIO', 'the process was killed');
  }
}

const TOKEN = '0123456789abcdef';
const bytes = sample(700);
const { value: sha256 } = checksumOf('sha256', bytes);
const never = new AbortController().signal;
const quiet = { progress: () => undefined, committing: async () => undefined };
/** More than any of these acts takes. */
const MAX_TURNS = 200;
const SEEDS = 12;

const outgoing: Outgoing = {
  source: { path: 'log.ulg', size: bytes.length },
  ...{ device: 'd', token: TOKEN, description: '', sha256 },
  open: async function* (offset: number) {
    yield bytes.subarray(offset);
  },
  render: template => template,
};

/** Delivers the file as the engine does after a crash: the target is asked first. */
async function deliver(folder: string): Promise<void> {
  const target = new DirectoryTarget(`${folder}/archive`, deviceContext());
  const { size, partial } = await target.stat('a/b/log.ulg', TOKEN, never);
  if (size === undefined) await target.write(outgoing, 'a/b/log.ulg', partial, never, quiet);
  else assert.equal((await target.checksum('a/b/log.ulg', never)).value, sha256);
  await target.close();
}

async function deliverBySize(folder: string): Promise<void> {
  const target = new DirectoryTarget(`${folder}/archive`, deviceContext());
  const { size, partial } = await target.stat('a/b/log.ulg', TOKEN, never);
  if (size === undefined) await target.write(outgoing, 'a/b/log.ulg', partial, never, quiet);
  await target.close();
}

async function fetch(folder: string): Promise<void> {
  const local = new LocalStorage(`${folder}/local`, { boot: '' });
  if (await local.sameAs('a/b/log.ulg', bytes.length, sha256)) return;
  const part = await local.begin('a/b/log.ulg', undefined, never);
  await part.append(bytes);
  await part.commit();
  await part.close();
}

/** The file is on the source, for certain. */
async function put(folder: string): Promise<void> {
  await mkdir(`${folder}/card/a`, { recursive: true });
  await using file = await open(`${folder}/card/a/log.ulg`, constants.O_RDWR | constants.O_CREAT);
  await file.write(bytes, 0, bytes.length, 0);
  await file.sync();
  for (const above of ['card/a', 'card', '']) {
    await using names = await open(`${folder}/${above}`, constants.O_DIRECTORY);
    await names.sync();
  }
}

async function remove(folder: string): Promise<void> {
  const source = new DirectorySource(`${folder}/card`, deviceContext());
  await source.remove({ path: 'a/log.ulg', size: bytes.length }, never);
  await source.close();
}

type Outcome = 'under way' | 'done' | { readonly error: unknown };

/** Runs the work in a process of its own, which is killed after so many turns. Returns whether it came to its end. */
async function runFor(
  fs: CrashFs,
  work: (folder: string) => Promise<void>,
  turns = MAX_TURNS,
): Promise<boolean> {
  const life = new EndedLife(new Activity());
  const folder = mount({ fs, life });
  let outcome = 'under way' as Outcome;
  const working = work(folder).then(
    () => (outcome = 'done'),
    (error: unknown) => (outcome = { error }),
  );
  const isUnderWay = (): boolean => outcome === 'under way';
  for (let turn = 0; turn < turns && isUnderWay(); turn++) await setImmediate();
  const left = outcome;
  life.kill();
  await working;
  unmount(folder);
  if (typeof left === 'object') throw left.error;
  return left === 'done';
}

describe('What a killed process has left', () => {
  let restore = (): void => undefined;
  before(() => (restore = interceptFileSystem()));
  after(() => restore());

  for (const [title, path, work] of [
    ['is on the target', '/archive/a/b/log.ulg', deliver],
    ['is on the target that is asked for its size alone', '/archive/a/b/log.ulg', deliverBySize],
    ['is in local storage', '/local/a/b/log.ulg', fetch],
  ] as const)
    it(`${title}, and stays there in a power cut, once it counts as there`, async () => {
      let kills = 0;
      for (let turns = 1, whole = false; !whole; turns++, kills++) {
        for (let seed = 1; seed <= SEEDS; seed++) {
          const fs = new CrashFs();
          whole = await runFor(fs, work, turns);
          assert.ok(await runFor(fs, work), `the second process ends, after ${turns} turns of the first`);
          fs.powerCut(randomFrom(seed));
          const left = fs.get(path)?.content;
          assert.ok(left?.equals(bytes), `killed after ${turns} turns, seed ${seed}`);
        }
      }
      assert.ok(kills > 10, `${kills} kills`);
    });

  it('has been removed from the source, and does not come back in a power cut, once it counts as removed', async () => {
    let kills = 0;
    for (let turns = 1, whole = false; !whole; turns++, kills++) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const fs = new CrashFs();
        assert.ok(await runFor(fs, put));
        whole = await runFor(fs, remove, turns);
        assert.ok(await runFor(fs, remove), `the second process ends, after ${turns} turns of the first`);
        fs.powerCut(randomFrom(seed));
        assert.equal(fs.get('/card/a/log.ulg'), undefined, `killed after ${turns} turns, seed ${seed}`);
      }
    }
    assert.ok(kills > 5, `${kills} kills`);
  });

  for (const [title, place, work] of [
    ['to the target', 'archive', deliver],
    ['to the target that is asked for its size alone', 'archive', deliverBySize],
    ['to local storage', 'local', fetch],
  ] as const)
    it(`what another program has copied ${title} stays there once it counts as there`, async () => {
      const copied = async (folder: string): Promise<void> => {
        await mkdir(`${folder}/${place}/a/b`, { recursive: true });
        await using file = await open(`${folder}/${place}/a/b/log.ulg`, constants.O_RDWR | constants.O_CREAT);
        await file.write(bytes, 0, bytes.length, 0);
      };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const fs = new CrashFs();
        assert.ok(await runFor(fs, copied));
        assert.ok(await runFor(fs, work));
        fs.powerCut(randomFrom(seed));
        assert.ok(fs.get(`/${place}/a/b/log.ulg`)?.content.equals(bytes), `seed ${seed}`);
      }
    });
});
