import assert from 'node:assert/strict';
import { firstValueFrom } from 'rxjs';
import type { Source, SourceFile } from '../../src/ports.js';
import { defineDeviceSuite } from './matrix.js';
import {
  checksumOf,
  collect,
  failsWith,
  listed,
  leavesNoHandles,
  sample,
  type Deviations,
} from './support.js';

/** A source with an empty root, and the hand that changes what lies there. */
export interface SourceBench {
  readonly source: Source;
  /** Makes the file have these bytes: a file that is there is changed in place. Folders are made as needed. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
  /** Takes the whole root away, as an unmounted drive or a missing card does. */
  loseRoot(): Promise<void>;
  /** Whether the device can hold a file of this name. Default: every name that Linux takes. */
  holds?(path: string): boolean;
  /** Bytes of a file that the device cannot have read ahead at one go. Default: 1 MiB. */
  readonly big?: number;
  /** Ends the source and what serves it. */
  close(): Promise<void>;
}

const never = new AbortController().signal;
const bigOf = (bench: SourceBench): Uint8Array => sample(bench.big ?? 1 << 20, 7);

/** Names that are lawful on Linux and a trap for careless code. */
const HOSTILE_NAMES = [
  'back\\slash.ulg',
  'new\nline.ulg',
  'tab\there.ulg',
  'CON.txt',
  'trailing dot.',
  'trailing space ',
  ' leading space',
  '-rf',
  '*?[a]{b}.ulg',
  '%2e%2e%2fx',
  '"quotes\'.ulg',
  '..hidden..',
  'unfinished.part',
  '~backup~',
  `${'n'.repeat(196)}.ulg`,
];

/** Puts one file and gives it as the source lists it. */
async function stored(bench: SourceBench, path: string, bytes: Uint8Array): Promise<SourceFile> {
  await bench.put(path, bytes);
  const file = (await listed(bench.source)).find(entry => entry.path === path);
  assert.ok(file, `${path} is not listed`);
  return file;
}

async function listsExactly(bench: SourceBench, paths: readonly string[]): Promise<void> {
  for (const [index, path] of paths.entries()) await bench.put(path, sample(10 + index, index));
  const expected = paths.map((path, index) => ({ path, size: 10 + index }));
  const found = (await listed(bench.source)).map(({ path, size }) => ({ path, size }));
  assert.deepEqual(new Set(found.map(file => file.path)), new Set(paths));
  for (const file of expected)
    assert.deepEqual(
      found.filter(entry => entry.path === file.path),
      [file],
    );
}

/** Reads until `count` bytes have come, then runs `then` and drains the rest. */
async function interrupted(
  stream: AsyncIterable<Uint8Array>,
  count: number,
  then: () => void | Promise<void>,
  received: Uint8Array[] = [],
): Promise<void> {
  let total = 0;
  let pending: typeof then | undefined = then;
  for await (const chunk of stream) {
    received.push(chunk);
    total += chunk.length;
    if (total < count || pending === undefined) continue;
    await pending();
    pending = undefined;
  }
}

async function readsAll(bench: SourceBench, path: string, bytes: Uint8Array): Promise<void> {
  const file = await stored(bench, path, bytes);
  assert.equal(file.size, bytes.length);
  assert.deepEqual(await collect(bench.source.read(file, 0, never)), Buffer.from(bytes));
}

async function readsFrom(bench: SourceBench, at: (size: number) => number): Promise<void> {
  const bytes = sample(50_000, 3);
  const file = await stored(bench, 'log.ulg', bytes);
  const offset = at(bytes.length);
  const read = () => collect(bench.source.read(file, offset, never));
  if (!bench.source.capabilities.resume) await failsWith(read, 'unsupported');
  else assert.deepEqual(await read(), Buffer.from(bytes.subarray(offset)));
}

async function refusesChanged(bench: SourceBench, after: Uint8Array): Promise<void> {
  const file = await stored(bench, 'log.ulg', sample(40_000, 2));
  await bench.put('log.ulg', after);
  await failsWith(() => collect(bench.source.read(file, 0, never)), 'changed');
}

async function noticesChangeWhileReading(bench: SourceBench, after: Uint8Array): Promise<void> {
  const file = await stored(bench, 'log.ulg', bigOf(bench));
  const reading = bench.source.read(file, 0, never);
  await failsWith(() => interrupted(reading, 1, () => bench.put('log.ulg', after)), 'changed');
}

async function useThoroughly(bench: SourceBench, file: SourceFile): Promise<void> {
  const { source } = bench;
  await listed(source);
  await collect(source.read(file, 0, never));
  for await (const chunk of source.read(file, 0, never)) {
    assert.ok(chunk.length > 0);
    break;
  }
  const cut = new AbortController();
  await failsWith(() => interrupted(source.read(file, 0, cut.signal), 1, () => cut.abort()), 'cancelled');
  await failsWith(() => collect(source.read({ ...file, path: 'missing' }, 0, never)), 'not-found');
}

const cases = {
  'an empty root lists nothing': async (bench: SourceBench) => {
    assert.deepEqual(await listed(bench.source), []);
  },
  'a missing root is an error, not an empty listing': async (bench: SourceBench) => {
    await bench.loseRoot();
    await failsWith(() => listed(bench.source), 'unavailable', 'not-found');
  },
  'lists files in nested folders with their sizes': (bench: SourceBench) =>
    listsExactly(bench, ['top.ulg', '2024-01-01/10_00_00.ulg', '2024-01-01/10_30_00.ulg', 'a/b/c/d/e.bin']),
  'lists many files in one folder': (bench: SourceBench) =>
    listsExactly(
      bench,
      Array.from({ length: 60 }, (_, index) => `sess001/log${String(index).padStart(3, '0')}.ulg`),
    ),
  'lists and reads names with Unicode and spaces': async (bench: SourceBench) => {
    await readsAll(bench, 'полёт над морем/日本 語 é e\u0301 🚁.ulg', sample(3000));
  },
  'lists and reads hostile names as they are': async (bench: SourceBench) => {
    const held = HOSTILE_NAMES.filter(name => bench.holds?.(name) ?? true);
    await listsExactly(bench, held);
    for (const file of await listed(bench.source)) {
      assert.equal((await collect(bench.source.read(file, 0, never))).length, file.size);
    }
  },
  'the same file is listed the same way twice': async (bench: SourceBench) => {
    await bench.put('log.ulg', sample(100));
    assert.deepEqual(await listed(bench.source), await listed(bench.source));
  },
  'reads a file of zero bytes': (bench: SourceBench) => readsAll(bench, 'empty.ulg', new Uint8Array(0)),
  'reads a whole file': (bench: SourceBench) => readsAll(bench, 'log.ulg', sample(100_001)),
  'reads from the middle': (bench: SourceBench) => readsFrom(bench, size => (size >> 1) + 1),
  'reads nothing from the end': (bench: SourceBench) => readsFrom(bench, size => size),
  'an offset beyond the end is a changed file': async (bench: SourceBench) => {
    const file = await stored(bench, 'log.ulg', sample(500));
    const kind = bench.source.capabilities.resume ? 'changed' : 'unsupported';
    await failsWith(() => collect(bench.source.read(file, 501, never)), kind);
  },
  'a file that shrank since it was listed is a changed file': (bench: SourceBench) =>
    refusesChanged(bench, sample(39_999, 2)),
  'a file that became empty since it was listed is a changed file': (bench: SourceBench) =>
    refusesChanged(bench, new Uint8Array(0)),
  'a file that grew since it was listed is a changed file': (bench: SourceBench) =>
    refusesChanged(bench, sample(40_001, 2)),
  'an empty file that grew since it was listed is a changed file': async (bench: SourceBench) => {
    const file = await stored(bench, 'log.ulg', new Uint8Array(0));
    await bench.put('log.ulg', sample(1));
    await failsWith(() => collect(bench.source.read(file, 0, never)), 'changed');
  },
  'a file that ends early while it is read is a changed file': (bench: SourceBench) =>
    noticesChangeWhileReading(bench, bigOf(bench).subarray(0, 10)),
  'a file that grows while it is read is a changed file': (bench: SourceBench) =>
    noticesChangeWhileReading(bench, Buffer.concat([bigOf(bench), sample(217)])),
  'a resumed read of a file that grew is a changed file': async (bench: SourceBench) => {
    const file = await stored(bench, 'log.ulg', sample(5000));
    await bench.put('log.ulg', sample(6000));
    const kind = bench.source.capabilities.resume ? 'changed' : 'unsupported';
    await failsWith(() => collect(bench.source.read(file, 2500, never)), kind);
  },
  'reading a file that is gone is not-found': async (bench: SourceBench) => {
    const file = await stored(bench, 'folder/log.ulg', sample(500));
    await bench.remove('folder/log.ulg');
    await failsWith(() => collect(bench.source.read(file, 0, never)), 'not-found');
  },
  'a read that was cut goes on where it stopped': async (bench: SourceBench) => {
    const bytes = bigOf(bench);
    const file = await stored(bench, 'log.ulg', bytes);
    const cut = new AbortController();
    const first: Uint8Array[] = [];
    const stream = bench.source.read(file, 0, cut.signal);
    await failsWith(() => interrupted(stream, bytes.length / 3, () => cut.abort(), first), 'cancelled');
    const head = Buffer.concat(first);
    assert.ok(head.length < bytes.length, 'the abort came after the whole file had been read');
    const rest = () => collect(bench.source.read(file, head.length, never));
    if (!bench.source.capabilities.resume) await failsWith(rest, 'unsupported');
    else assert.deepEqual(Buffer.concat([head, await rest()]), Buffer.from(bytes));
  },
  'a reader that stops early leaves the source usable': async (bench: SourceBench) => {
    const bytes = bigOf(bench);
    const file = await stored(bench, 'log.ulg', bytes);
    for await (const chunk of bench.source.read(file, 0, never)) {
      assert.ok(chunk.length > 0);
      break;
    }
    assert.deepEqual(await collect(bench.source.read(file, 0, never)), Buffer.from(bytes));
  },
  'nothing begins under an aborted signal': async (bench: SourceBench) => {
    const { source } = bench;
    const file = await stored(bench, 'log.ulg', sample(500));
    const aborted = AbortSignal.abort();
    await failsWith(() => listed(source, aborted), 'cancelled');
    await failsWith(() => collect(source.read(file, 0, aborted)), 'cancelled');
    if (source.capabilities.checksum) await failsWith(() => source.checksum(file, aborted), 'cancelled');
    if (source.capabilities.remove) await failsWith(() => source.remove(file, aborted), 'cancelled');
    assert.deepEqual(await listed(source), [file]);
  },
  'a listing can be cancelled between two files': async (bench: SourceBench) => {
    for (let index = 0; index < 40; index++) await bench.put(`f${index % 4}/log${index}.ulg`, sample(10));
    const cut = new AbortController();
    const seen: SourceFile[] = [];
    await failsWith(async () => {
      for await (const file of bench.source.list(cut.signal)) {
        seen.push(file);
        cut.abort();
      }
    }, 'cancelled');
    assert.equal(seen.length, 1);
    assert.equal((await listed(bench.source)).length, 40);
  },
  'the checksum is that of the bytes, or unsupported': async (bench: SourceBench) => {
    const { source } = bench;
    const bytes = sample(70_000, 5);
    const file = await stored(bench, 'log.ulg', bytes);
    const algorithm = source.capabilities.checksum;
    if (!algorithm) await failsWith(() => source.checksum(file, never), 'unsupported');
    else assert.deepEqual(await source.checksum(file, never), checksumOf(algorithm, bytes));
  },
  'the checksum of an empty file and of a missing one': async (bench: SourceBench) => {
    const { source } = bench;
    const file = await stored(bench, 'empty.ulg', new Uint8Array(0));
    const algorithm = source.capabilities.checksum;
    if (algorithm) {
      assert.deepEqual(await source.checksum(file, never), checksumOf(algorithm, new Uint8Array(0)));
    }
    const missing = { ...file, path: 'missing.ulg' };
    await failsWith(() => source.checksum(missing, never), algorithm ? 'not-found' : 'unsupported');
  },
  'removes a file and takes one that is gone for removed, or is unsupported': async (bench: SourceBench) => {
    const { source } = bench;
    const file = await stored(bench, 'folder/log.ulg', sample(500));
    await bench.put('folder/other.ulg', sample(20));
    if (!source.capabilities.remove) {
      await failsWith(() => source.remove(file, never), 'unsupported');
      assert.equal((await listed(source)).length, 2);
      return;
    }
    await source.remove(file, never);
    await source.remove(file, never);
    assert.deepEqual(
      (await listed(source)).map(entry => entry.path),
      ['folder/other.ulg'],
    );
  },
  'never removes a file that is not the one that was listed': async (bench: SourceBench) => {
    const { source } = bench;
    const file = await stored(bench, 'log.ulg', sample(500));
    const kind = source.capabilities.remove ? 'changed' : 'unsupported';
    await failsWith(() => source.remove({ ...file, size: 499 }, never), kind);
    if (file.modified !== undefined) {
      await failsWith(() => source.remove({ ...file, modified: Number(file.modified) - 5000 }, never), kind);
    }
    assert.deepEqual(await listed(source), [file]);
  },
  'availability tells its value to every new subscriber': async (bench: SourceBench) => {
    for (let round = 0; round < 2; round++) {
      const { available, reason } = await firstValueFrom(bench.source.availability);
      assert.ok(available, reason);
      assert.notEqual(reason, '');
    }
  },
  'a second close does nothing': async (bench: SourceBench) => {
    await listed(bench.source);
    await bench.source.close();
    await bench.source.close();
  },
  'no handle stays open after use': async (bench: SourceBench) => {
    const file = await stored(bench, 'log.ulg', bigOf(bench));
    await leavesNoHandles(() => useThoroughly(bench, file));
  },
};

/** What every source does. `deviations` names the cases that a device cannot keep by its nature, with the reason. */
export function sourceConformance(
  name: string,
  setup: () => Promise<SourceBench>,
  deviations: Deviations<keyof typeof cases> = {},
): void {
  defineDeviceSuite({ name, end: 'source' }, cases, setup, deviations);
  it(`${name}: no handle stays open after close`, async () => {
    const once = async (): Promise<void> => {
      const bench = await setup();
      await stored(bench, 'log.ulg', sample(500));
      await firstValueFrom(bench.source.availability);
      await bench.close();
    };
    await leavesNoHandles(once);
  });
}
