import assert from 'node:assert/strict';
import type { SourceFile } from '../../src/ports.js';
import type { SourceBench } from './source.js';
import { noteInMatrix } from './matrix.js';
import { defineSuite, failsWith, listed, sample } from './support.js';

/** A source that can look at the changes alone, and what its looks cost. */
export interface ChangesBench extends SourceBench {
  /** Requests that its vehicle has been sent so far, or calls. */
  requests(): number;
}

/** Looks after which whatever is new where new things come has been seen. */
const LOOKS = 6;
const never = new AbortController().signal;

const look = (bench: ChangesBench, unsettled: readonly string[] = []) => {
  if (!bench.source.listChanges) assert.fail('the source cannot look at the changes alone');
  return bench.source.listChanges(unsettled, never);
};

/** The files that a few looks show, those of later looks in place of earlier ones; undefined if a look asked for a whole listing. */
async function seen(bench: ChangesBench): Promise<Map<string, number> | undefined> {
  const files = new Map<string, number>();
  for (let count = 0; count < LOOKS; count++) {
    const shown = await look(bench);
    if (!shown) return undefined;
    for (const { path, size } of shown) files.set(path, size);
  }
  return files;
}

/** Days with a log each, all of it listed once. */
async function listedCard(bench: ChangesBench, days = 12): Promise<SourceFile[]> {
  for (let day = 1; day <= days; day++) await bench.put(`sess${100 + day}/log001.ulg`, sample(10 + day, day));
  return listed(bench.source);
}

async function shows(bench: ChangesBench, path: string): Promise<void> {
  await listedCard(bench);
  await bench.put(path, sample(77));
  assert.equal((await seen(bench))?.get(path), 77);
}

const cases = {
  'knows nothing before a whole listing': async (bench: ChangesBench) => {
    await bench.put('sess001/log001.ulg', sample(10));
    assert.equal(await look(bench), undefined);
  },
  'knows nothing after a listing that was broken off': async (bench: ChangesBench) => {
    await listedCard(bench);
    for await (const file of bench.source.list(never)) {
      assert.ok(file.path);
      break;
    }
    assert.equal(await look(bench), undefined);
  },
  'an idle look is one request, on a card with many days': async (bench: ChangesBench) => {
    await listedCard(bench, 60);
    for (let count = 0; count < LOOKS; count++) {
      const before = bench.requests();
      assert.ok(await look(bench));
      assert.equal(bench.requests() - before, 1);
    }
  },
  'shows a new file in the newest folder': (bench: ChangesBench) => shows(bench, 'sess112/log002.ulg'),
  'shows a new file that comes first in the newest folder': (bench: ChangesBench) =>
    shows(bench, 'sess112/log000.ulg'),
  'shows a new file with a name that fills a packet': (bench: ChangesBench) =>
    shows(bench, `sess112/log002${'x'.repeat(180)}.ulg`),
  'shows a new file behind one with a name that fills a packet': async (bench: ChangesBench) => {
    await bench.put(`sess113/log001${'x'.repeat(180)}.ulg`, sample(6));
    await shows(bench, `sess113/log002${'x'.repeat(180)}.ulg`);
  },
  'shows a file in a new folder': (bench: ChangesBench) => shows(bench, 'sess113/log001.ulg'),
  'shows a file in a new folder that comes first': (bench: ChangesBench) =>
    shows(bench, 'sess100/log001.ulg'),
  'shows a file in new folders in a new folder': (bench: ChangesBench) =>
    shows(bench, 'sess113/a/b/log001.ulg'),
  'shows a new file at the top': (bench: ChangesBench) => shows(bench, 'top.ulg'),
  'shows the first file of an empty card': async (bench: ChangesBench) => {
    assert.deepEqual(await listed(bench.source), []);
    await bench.put('sess001/log001.ulg', sample(9));
    assert.equal((await seen(bench))?.get('sess001/log001.ulg'), 9);
  },
  'shows that the newest file has grown': async (bench: ChangesBench) => {
    await listedCard(bench);
    await bench.put('sess112/log001.ulg', sample(500));
    assert.equal((await seen(bench))?.get('sess112/log001.ulg'), 500);
  },
  'shows what is unsettled at every look, wherever it is': async (bench: ChangesBench) => {
    await listedCard(bench);
    for (const size of [100, 200, 200]) {
      await bench.put('sess105/log001.ulg', sample(size));
      const shown = await look(bench, ['sess105/log001.ulg']);
      assert.equal(shown?.find(({ path }) => path === 'sess105/log001.ulg')?.size, size);
    }
  },
  'asks for a whole listing where an unsettled file is gone': async (bench: ChangesBench) => {
    await listedCard(bench);
    await bench.remove('sess105/log001.ulg');
    assert.equal(await look(bench, ['sess105/log001.ulg']), undefined);
    assert.equal(await look(bench), undefined);
  },
  'asks for a whole listing where something is gone': async (bench: ChangesBench) => {
    await listedCard(bench);
    await bench.put('sess112/log002.ulg', sample(5));
    assert.ok(await seen(bench));
    await bench.remove('sess112/log002.ulg');
    assert.equal(await seen(bench), undefined);
    assert.equal((await listed(bench.source)).length, 12);
    assert.ok(await look(bench));
  },
  'what was removed through the source is no reason for a whole listing': async (bench: ChangesBench) => {
    const card = await listedCard(bench);
    const newest = card.at(-1) as SourceFile;
    await bench.source.remove(newest, never);
    assert.equal((await seen(bench))?.has(newest.path), false);
    await bench.put(newest.path, sample(newest.size));
    assert.equal((await seen(bench))?.get(newest.path), newest.size);
  },
  'a missing root is an error': async (bench: ChangesBench) => {
    await listedCard(bench);
    await bench.loseRoot();
    await failsWith(() => seen(bench), 'unavailable');
  },
  'nothing begins under an aborted signal': async (bench: ChangesBench) => {
    await listedCard(bench);
    const changes = async () => bench.source.listChanges?.([], AbortSignal.abort());
    await failsWith(changes, 'cancelled');
  },
};

/** What every source does that can look at the changes alone. */
export function sourceChangesConformance(name: string, setup: () => Promise<ChangesBench>): void {
  const suite = defineSuite(`${name}: looks at the changes`, cases, setup, {});
  noteInMatrix(suite, { name, end: 'source', what: 'rules' });
}
