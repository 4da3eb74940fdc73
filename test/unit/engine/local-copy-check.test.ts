import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sample } from '../../conformance/support.js';
import type { MemoryStore } from '../../fakes/memory-store.js';
import { makeBench, rule, type Bench, type BenchOptions } from './bench.js';

const A = sample(10_000, 1);
const evicting = [rule({ after: { source: 'keep', local: { kind: 'delete' } } })];

/** One file is delivered; then `meanwhile` happens while the program is not running, and it does another pass. */
async function restarted(
  options: BenchOptions,
  meanwhile: (bench: Bench, copy: string) => Promise<void>,
  test: (bench: Bench, copy: string) => Promise<void>,
): Promise<void> {
  const first = await makeBench(options);
  const copy = join(first.folder, 'cam/a.ulg');
  first.source.put('a.ulg', A, 1000);
  await first.engine.pass();
  await first.engine.stop();
  await meanwhile(first, copy);
  const store = (first.store as MemoryStore).reopened();
  const again = await makeBench({ ...options, store, folder: first.folder });
  again.source.put('a.ulg', A, 1000);
  await again.engine.pass();
  try {
    await test(again, copy);
  } finally {
    await again.engine.stop();
    await first.remove();
  }
}

async function put(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, bytes);
}

describe('Local storage and records, at the start', () => {
  it('a copy that was removed and is there again is removed again', () =>
    restarted(
      { rules: evicting },
      (_bench, copy) => put(copy, A),
      async (bench, copy) => {
        assert.equal(existsSync(copy), false);
        assert.equal(bench.record('a.ulg')?.copy.state, 'evicted');
      },
    ));

  it('another file of the same name and size is not', () =>
    restarted(
      { rules: evicting },
      (_bench, copy) => put(copy, sample(A.length, 2)),
      async (_bench, copy) => assert.equal(existsSync(copy), true),
    ));

  it('a copy that is gone is recorded as gone, and as there when it is back', () =>
    restarted(
      {},
      (_bench, copy) => rm(copy),
      async (bench, copy) => {
        const record = bench.record('a.ulg');
        assert.deepEqual([record?.copy.state, record?.reason], ['none', 'the local copy is gone']);
        assert.equal(bench.source.reads.length, 0, 'a delivered file is not fetched for that');
        await bench.engine.stop();
        await put(copy, A);
        const store = (bench.store as MemoryStore).reopened();
        const third = await makeBench({ store, folder: bench.folder });
        third.source.put('a.ulg', A, 1000);
        await third.engine.pass();
        await third.engine.stop();
        const { copy: now, reason } = third.record('a.ulg') ?? {};
        assert.deepEqual([now?.state, reason, existsSync(copy)], ['whole', undefined, true]);
      },
    ));

  it('files without a record stay, and their number is logged once', () =>
    restarted(
      { rules: evicting },
      async ({ folder }) => {
        const names = ['stranger.bin', 'day/other.bin', 'x.bin.part', 'y.bin.corrupt', 'y.bin.corrupt2'];
        for (const name of names) await put(join(folder, 'cam', name), sample(10));
        for (const name of ['filesync.json', 'db/filesync.json.journal'])
          await put(join(folder, name), sample(10));
      },
      async ({ folder, logger }) => {
        const said = logger.messages('info').filter(line => line.includes('without a record'));
        assert.equal(said.length, 1);
        assert.match(said[0] ?? '', / without a record: 2, such as cam\//);
        assert.equal(existsSync(join(folder, 'cam/day/other.bin')), true);
      },
    ));
});
