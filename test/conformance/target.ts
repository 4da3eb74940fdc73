import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { FileSyncError } from '../../src/errors.js';
import type { ByteStream, Outgoing, Receipt, Target, WriteEvents } from '../../src/ports.js';
import { defineDeviceSuite } from './matrix.js';
import { checksumOf, eventually, failsWith, leavesNoHandles, sample, type Deviations } from './support.js';

/** An empty target and an independent look at what it holds. */
export interface TargetBench {
  readonly target: Target;
  /** The finished file of that name, or undefined. */
  read(path: string): Promise<Buffer | undefined>;
  /** Names of all files there: finished, unfinished, and also those beside and above the root. */
  listAll(): Promise<string[]>;
  /** What a file must begin with for this target to take it. Default: nothing. */
  readonly head?: Uint8Array;
  /** Ends the target and what serves it. */
  close(): Promise<void>;
}

const never = new AbortController().signal;
const PATH = 'log.ulg';
const TOKEN = 'token0000001';
const SIZE = 300_000;
const CHUNK = 16_384;

/** Refused before anything is sent: they would leave the root, or end a command of the protocol. */
const HARMFUL_NAMES = [
  '',
  '..',
  '../x.ulg',
  'a/../../x.ulg',
  '/abs.ulg',
  'nul\0.ulg',
  'line\nfeed.ulg',
  'carriage\r\nDELE x',
];

class Recorder implements WriteEvents {
  readonly amounts: number[] = [];
  commits = 0;
  readonly #onCommit: () => Promise<void>;

  constructor(onCommit: () => Promise<void> = () => Promise.resolve()) {
    this.#onCommit = onCommit;
  }

  progress(bytes: number): void {
    this.amounts.push(bytes);
  }

  committing(): Promise<void> {
    this.commits++;
    return this.#onCommit();
  }
}

interface OutgoingBytes extends Outgoing {
  /** The offsets at which it was opened, in order. */
  readonly opened: number[];
}

/** How the stream of a parcel ends, when it does not simply end: called after `after` bytes have been given. */
interface Cut {
  readonly after: number;
  end(): Promise<void>;
}

function parcel(
  bytes: Uint8Array,
  options: Partial<Outgoing> & { promised?: number; cut?: Cut } = {},
): OutgoingBytes {
  const opened: number[] = [];
  const { promised, cut, ...overrides } = options;
  return {
    opened,
    source: { path: PATH, size: promised ?? bytes.length, modified: 1_700_000_000_000 },
    device: 'autopilot',
    token: 'token0000001',
    description: 'a flight',
    open: offset => {
      opened.push(offset);
      return pieces(bytes, offset, cut);
    },
    render: template => template.replaceAll('{file.name}', basename(PATH)),
    ...overrides,
  };
}

/** A file that streams: its hash is known when all of it has been given, and what was sent before is not covered by it. */
function streamed(bytes: Uint8Array): Outgoing {
  const file = parcel(bytes, { token: TOKEN, readBack: true });
  let sha256: string | undefined;
  return {
    ...file,
    get sha256() {
      return sha256;
    },
    async *open(offset: number) {
      yield* file.open(offset);
      sha256 = checksumOf('sha256', bytes).value;
    },
  };
}

async function* pieces(bytes: Uint8Array, offset: number, cut?: Cut): ByteStream {
  const end = Math.min(bytes.length, cut?.after ?? bytes.length);
  for (let at = offset; at < end; at += CHUNK) yield bytes.slice(at, Math.min(at + CHUNK, end));
  await cut?.end();
}

/** A stream that breaks as a lost source does. */
const broken = (after: number): Cut => ({
  after,
  end: () => Promise.reject(new FileSyncError('changed', 'the source let go')),
});

/** A stream that gives no more until the signal aborts; `reached` is called when it waits. */
const stalled = (after: number, signal: AbortSignal, reached: () => void): Cut => ({
  after,
  end: () =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new FileSyncError('cancelled', 'cancelled')));
      reached();
    }),
});

function content(bench: TargetBench, size: number, seed = 1): Uint8Array {
  const bytes = sample(size, seed);
  if (bench.head) bytes.set(bench.head.subarray(0, size));
  return bytes;
}

function send(
  bench: TargetBench,
  file: Outgoing,
  path = PATH,
  events: WriteEvents = new Recorder(),
  signal = never,
): Promise<Receipt> {
  return bench.target.write(file, path, 0, signal, events);
}

const nothingThere = async (bench: TargetBench, path = PATH): Promise<void> =>
  assert.equal(await bench.read(path), undefined, `${path} is visible, but must not be`);

async function holds(bench: TargetBench, bytes: Uint8Array, path = PATH): Promise<void> {
  const found = await bench.read(path);
  assert.ok(found, `${path} is not there`);
  assert.ok(found.equals(bytes), `${path} has other bytes (${found.length} of ${bytes.length})`);
}

/** Breaks uploads of the file until the target holds a part of it (a reset connection may take the first with it). */
async function partOf(bench: TargetBench, bytes: Uint8Array, token: string): Promise<number> {
  let partial = 0;
  await eventually(async () => {
    await failsWith(() => send(bench, parcel(bytes, { token, cut: broken(SIZE / 2) })), 'changed');
    ({ partial } = await bench.target.stat(PATH, token, never));
    return partial > 0;
  });
  await eventually(async () => {
    // A server may still be writing what had arrived when the connection broke.
    const before = partial;
    await delay(50);
    ({ partial } = await bench.target.stat(PATH, token, never));
    return partial === before;
  });
  assert.ok(partial <= SIZE / 2, 'the target claims bytes that it was never given');
  return partial;
}

async function writesWhole(bench: TargetBench, bytes: Uint8Array, path = PATH): Promise<void> {
  const { value: sha256 } = checksumOf('sha256', bytes);
  const receipt = await send(bench, parcel(bytes, { sha256 }), path);
  await holds(bench, bytes, path);
  assert.notEqual(receipt.location, '');
  assert.ok(['hash', 'size', 'reply'].includes(receipt.verified));
}

/** A source stream that does not give what was promised is never a finished file, nor one that may have arrived. */
async function refusesLength(bench: TargetBench, given: number): Promise<void> {
  const file = parcel(content(bench, given), { promised: SIZE });
  const error = await failsWith(() => send(bench, file));
  assert.notEqual(error.kind, 'lost-answer');
  await nothingThere(bench);
}

async function useThoroughly(bench: TargetBench, round: number): Promise<void> {
  await send(bench, parcel(content(bench, SIZE)), `round-${round}.ulg`);
  const cut = new AbortController();
  const file = parcel(content(bench, SIZE), { cut: stalled(SIZE / 2, cut.signal, () => cut.abort()) });
  await failsWith(() => send(bench, file, PATH, new Recorder(), cut.signal), 'cancelled');
  await failsWith(() => send(bench, parcel(content(bench, SIZE), { cut: broken(SIZE / 2) })), 'changed');
  const { stat, checksum } = bench.target.capabilities;
  if (stat) await bench.target.stat(PATH, 'token', never);
  if (checksum) await bench.target.checksum(`round-${round}.ulg`, never);
}

const cases = {
  'writes a whole file': (bench: TargetBench) => writesWhole(bench, content(bench, SIZE + 1)),
  'writes a file whose hash is not known before': async (bench: TargetBench) => {
    const bytes = content(bench, SIZE);
    await send(bench, parcel(bytes));
    await holds(bench, bytes);
  },
  'writes a file of zero bytes': (bench: TargetBench) => writesWhole(bench, new Uint8Array(0)),
  'writes into nested folders': async (bench: TargetBench) => {
    await writesWhole(bench, content(bench, 5000, 1), 'autopilot/2024-01-01/10_00_00.ulg');
    await writesWhole(bench, content(bench, 6000, 2), 'autopilot/2024-01-01/10_30_00.ulg');
  },
  'writes names with Unicode and spaces': (bench: TargetBench) =>
    writesWhole(bench, content(bench, 5000), 'полёт над морем/日本 語 é 🚁.ulg'),
  'a file that only looks unfinished is a file like others': (bench: TargetBench) =>
    writesWhole(bench, content(bench, 5000), 'log.ulg.part'),
  'many small files one after another': async (bench: TargetBench) => {
    for (let index = 0; index < 8; index++) {
      await writesWhole(bench, content(bench, 300 + index, index), `sess001/log${index}.ulg`);
    }
  },
  'stat tells what is there, or is unsupported': async (bench: TargetBench) => {
    const stat = () => bench.target.stat(PATH, 'token0000001', never);
    if (!bench.target.capabilities.stat) {
      await failsWith(stat, 'unsupported');
      return;
    }
    assert.deepEqual(await stat(), { partial: 0 });
    assert.deepEqual(await bench.target.stat('no/such/folder.ulg', 'token0000001', never), { partial: 0 });
    await send(bench, parcel(content(bench, 4321)));
    assert.deepEqual(await stat(), { size: 4321, partial: 0 });
  },
  'takes a name as long as file systems have it': async (bench: TargetBench) => {
    const longest = `${'n'.repeat(251)}.ulg`;
    const bytes = content(bench, 5000);
    await send(bench, parcel(bytes), longest);
    assert.ok((await bench.read(longest))?.equals(bytes));
  },
  'never replaces a finished file': async (bench: TargetBench) => {
    const { stat } = bench.target.capabilities;
    const bytes = content(bench, 5000, 1);
    await send(bench, parcel(bytes));
    await holds(bench, bytes);
    if (!stat) return;
    const other = parcel(content(bench, 6000, 2), { token: 'token0000002' });
    const recorder = new Recorder();
    await failsWith(() => send(bench, other, PATH, recorder), 'exists');
    assert.equal(recorder.commits, 0);
    await holds(bench, bytes);
  },
  'a source that breaks leaves nothing at the final name': async (bench: TargetBench) => {
    const recorder = new Recorder();
    const file = parcel(content(bench, SIZE), { cut: broken(SIZE / 2) });
    await failsWith(() => send(bench, file, PATH, recorder), 'changed');
    await nothingThere(bench);
    assert.equal(recorder.commits, 0);
    await writesWhole(bench, content(bench, SIZE, 2));
  },
  'a cancelled upload ends promptly and leaves nothing at the final name': async (bench: TargetBench) => {
    const cut = new AbortController();
    const recorder = new Recorder();
    const file = parcel(content(bench, SIZE), { cut: stalled(SIZE / 2, cut.signal, () => cut.abort()) });
    await failsWith(() => send(bench, file, PATH, recorder, cut.signal), 'cancelled');
    await nothingThere(bench);
    assert.equal(recorder.commits, 0);
    await writesWhole(bench, content(bench, SIZE, 2));
  },
  'nothing begins under an aborted signal': async (bench: TargetBench) => {
    const { target } = bench;
    const aborted = AbortSignal.abort();
    const before = await bench.listAll();
    const file = parcel(content(bench, SIZE));
    await failsWith(() => send(bench, file, PATH, new Recorder(), aborted), 'cancelled');
    if (target.capabilities.stat) await failsWith(() => target.stat(PATH, 'token', aborted), 'cancelled');
    if (target.capabilities.checksum) await failsWith(() => target.checksum(PATH, aborted), 'cancelled');
    assert.deepEqual(await bench.listAll(), before);
  },
  'a source stream that is too short is an error': (bench: TargetBench) => refusesLength(bench, SIZE - 1),
  'a source stream that is empty is an error': (bench: TargetBench) => refusesLength(bench, 0),
  'a source stream that is too long is an error': (bench: TargetBench) => refusesLength(bench, SIZE + 1),
  'goes on where it stopped, or says that it cannot': async (bench: TargetBench) => {
    const { resume, stat } = bench.target.capabilities;
    const bytes = content(bench, SIZE);
    const file = parcel(bytes, { sha256: checksumOf('sha256', bytes).value });
    if (!resume || !stat) {
      await failsWith(() => bench.target.write(file, PATH, 1000, never, new Recorder()), 'unsupported');
      return nothingThere(bench);
    }
    const partial = await partOf(bench, bytes, file.token);
    const recorder = new Recorder();
    await bench.target.write(file, PATH, partial, never, recorder);
    await holds(bench, bytes);
    assert.deepEqual(file.opened, [partial], 'asks only for the missing bytes, and once');
    assert.ok(recorder.amounts.every(amount => amount >= partial));
    assert.equal(recorder.amounts.at(-1), SIZE);
    assert.equal((await bench.target.stat(PATH, file.token, never)).partial, 0);
  },
  'compares all of what it goes on with where nobody remembers its hash': async (bench: TargetBench) => {
    const { resume, stat } = bench.target.capabilities;
    const [first, second] = [content(bench, SIZE, 1), content(bench, SIZE, 2)];
    const goOn = async (): Promise<Receipt> => {
      const { partial } = await bench.target.stat(PATH, TOKEN, never);
      return bench.target.write(streamed(second), PATH, partial, never, new Recorder());
    };
    if (!resume || !stat) {
      const write = () => bench.target.write(streamed(second), PATH, 1000, never, new Recorder());
      return void (await failsWith(write, 'unsupported'));
    }
    await partOf(bench, first, TOKEN);
    await failsWith(goOn, 'corrupt');
    await nothingThere(bench);
    await partOf(bench, second, TOKEN);
    assert.equal((await goOn()).verified, 'hash');
    await holds(bench, second);
  },
  'never goes on with the part of another file': async (bench: TargetBench) => {
    const { resume, stat } = bench.target.capabilities;
    const second = content(bench, SIZE + 10, 2);
    if (resume && stat) {
      await partOf(bench, content(bench, SIZE, 1), 'token0000001');
      assert.equal((await bench.target.stat(PATH, 'token0000002', never)).partial, 0);
    }
    await send(bench, parcel(second, { token: 'token0000002' }));
    await holds(bench, second);
  },
  'an offset at which the part does not end is an error': async (bench: TargetBench) => {
    const file = parcel(content(bench, SIZE));
    await failsWith(() => bench.target.write(file, PATH, SIZE / 2, never, new Recorder()));
    await nothingThere(bench);
  },
  'announces the commit once, before the file is visible': async (bench: TargetBench) => {
    const bytes = content(bench, SIZE);
    const recorder = new Recorder(() => nothingThere(bench));
    await send(bench, parcel(bytes), PATH, recorder);
    assert.equal(recorder.commits, 1);
    await holds(bench, bytes);
  },
  'announces the commit of an empty file, too': async (bench: TargetBench) => {
    const recorder = new Recorder(() => nothingThere(bench));
    await send(bench, parcel(new Uint8Array(0)), PATH, recorder);
    assert.equal(recorder.commits, 1);
  },
  'a refused commit leaves nothing at the final name': async (bench: TargetBench) => {
    const refusal = () => Promise.reject(new FileSyncError('no-space', 'the database is full'));
    const file = parcel(content(bench, SIZE));
    await failsWith(() => send(bench, file, PATH, new Recorder(refusal)), 'no-space');
    await nothingThere(bench);
    await writesWhole(bench, content(bench, SIZE));
  },
  'progress grows and ends at the size': async (bench: TargetBench) => {
    const recorder = new Recorder();
    await send(bench, parcel(content(bench, SIZE)), PATH, recorder);
    const { amounts } = recorder;
    assert.equal(amounts.at(-1), SIZE);
    assert.ok(amounts.every((amount, index) => amount >= (amounts[index - 1] ?? 0)));
  },
  'the checksum is that of the finished file, or unsupported': async (bench: TargetBench) => {
    const { target } = bench;
    const bytes = content(bench, 70_000);
    await send(bench, parcel(bytes));
    const algorithm = target.capabilities.checksum;
    if (!algorithm) await failsWith(() => target.checksum(PATH, never), 'unsupported');
    else assert.deepEqual(await target.checksum(PATH, never), checksumOf(algorithm, bytes));
  },
  'the checksum of a missing file is an error': async (bench: TargetBench) => {
    const kind = bench.target.capabilities.checksum ? 'not-found' : 'unsupported';
    await failsWith(() => bench.target.checksum('missing.ulg', never), kind);
  },
  'refuses harmful names before it does anything': async (bench: TargetBench) => {
    const { target } = bench;
    const before = await bench.listAll();
    for (const name of HARMFUL_NAMES) {
      await failsWith(() => send(bench, parcel(content(bench, 500)), name), 'bad-name');
      if (target.capabilities.stat) await failsWith(() => target.stat(name, 'token', never), 'bad-name');
      if (target.capabilities.checksum) await failsWith(() => target.checksum(name, never), 'bad-name');
    }
    assert.deepEqual(await bench.listAll(), before);
  },
  'availability tells its value to every new subscriber': async (bench: TargetBench) => {
    for (let round = 0; round < 2; round++) {
      const { available, reason } = await firstValueFrom(bench.target.availability);
      assert.ok(available, reason);
      assert.notEqual(reason, '');
    }
  },
  'a probe leaves nothing, and everything as it was': async (bench: TargetBench) => {
    const { target } = bench;
    // Without one, a write would leave something that cannot be found again.
    if (!target.probe) return assert.equal(target.capabilities.stat, false);
    const empty = await bench.listAll();
    // A root that does not exist yet may not be probed.
    await target
      .probe(never)
      .catch((error: FileSyncError) => assert.equal(error.kind, 'not-found', error.message));
    assert.deepEqual(await bench.listAll(), empty);
    const bytes = content(bench, 5000);
    await send(bench, parcel(bytes));
    const before = await bench.listAll();
    await target.probe(never);
    await Promise.all([target.probe(never), target.probe(never)]);
    assert.deepEqual(await bench.listAll(), before);
    await holds(bench, bytes);
  },
  'a probe under an aborted signal does nothing': async (bench: TargetBench) => {
    const { target } = bench;
    if (!target.probe) return assert.equal(target.capabilities.stat, false);
    await send(bench, parcel(content(bench, 500)));
    const before = await bench.listAll();
    await failsWith(() => target.probe?.(AbortSignal.abort()) ?? Promise.resolve(), 'cancelled');
    assert.deepEqual(await bench.listAll(), before);
  },
  'a second close does nothing': async (bench: TargetBench) => {
    await send(bench, parcel(content(bench, 500)));
    await bench.target.close();
    await bench.target.close();
  },
  'no handle stays open after use': async (bench: TargetBench) => {
    await leavesNoHandles(round => useThoroughly(bench, round));
  },
};

/** What every target does. `deviations` names the cases that a device cannot keep by its nature, with the reason. */
export function targetConformance(
  name: string,
  setup: () => Promise<TargetBench>,
  deviations: Deviations<keyof typeof cases> = {},
): void {
  defineDeviceSuite({ name, end: 'target' }, cases, setup, deviations);
  it(`${name}: no handle stays open after close`, async () => {
    const once = async (): Promise<void> => {
      const bench = await setup();
      await send(bench, parcel(content(bench, 500)));
      await firstValueFrom(bench.target.availability);
      await bench.close();
    };
    await leavesNoHandles(once);
  });
}
