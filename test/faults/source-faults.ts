import assert from 'node:assert/strict';
import { FileSyncError } from '../../src/errors.js';
import type { Source, SourceFile } from '../../src/ports.js';
import type { SourceBench } from '../conformance/source.js';
import { noteInMatrix } from '../conformance/matrix.js';
import { checksumOf, sample } from '../conformance/support.js';
import { FAULTS, type Fault, type FaultKind } from './fault.js';

/** A source that is reached through a proxy. */
export interface FaultySource extends SourceBench {
  /** How often the fault has struck. */
  struck(): number;
}

const never = new AbortController().signal;
/** More than a connection bears before its fault; bytes. */
const SIZE = 300_000;
const PATH = 'flights/log.ulg';
const SEEDS = [1, 2];
/** Failed calls after which a test gives up. */
const PATIENCE = 60;

/** The work until it succeeds. */
async function untilDone<Result>(work: () => Promise<Result>, kind: FaultKind): Promise<Result> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      assertHonest(error, kind);
      assert.ok(failures < PATIENCE, `still fails: ${String(error)}`);
    }
  }
}

/** A command whose bytes were changed may be refused for good by its server; everything else can be tried again. */
export function assertHonest(error: unknown, kind: FaultKind): asserts error is FileSyncError {
  if (!(error instanceof FileSyncError) || error.kind === 'internal') throw error;
  if (kind !== 'corrupt') assert.ok(error.temporary, `${error.kind} is for good: ${error.message}`);
}

async function find(source: Source, kind: FaultKind): Promise<SourceFile> {
  return untilDone(async () => {
    for await (const file of source.list(never)) if (file.path === PATH) return file;
    throw new Error('a listing without the file was taken for whole');
  }, kind);
}

/** As the Downloader does: what has come is kept, and the rest asked for. */
async function fetchWhole(source: Source, file: SourceFile, kind: FaultKind): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  await untilDone(async () => {
    if (!source.capabilities.resume) bytes = Buffer.alloc(0);
    for await (const chunk of source.read(file, bytes.length, never)) bytes = Buffer.concat([bytes, chunk]);
  }, kind);
  return bytes;
}

/** Only a checksum tells bytes that were changed under way, where the protocol has none of its own. */
async function arrives(source: Source, expected: Uint8Array, kind: FaultKind): Promise<void> {
  const file = await find(source, kind);
  const got = await fetchWhole(source, file, kind);
  assert.equal(got.length, expected.length);
  const { checksum } = source.capabilities;
  if (kind !== 'corrupt') assert.ok(got.equals(expected), 'other bytes have arrived');
  else if (checksum && !got.equals(expected)) {
    const told = await untilDone(() => source.checksum(file, never), kind);
    assert.notDeepEqual(checksumOf(told.algorithm, got), told, 'the checksum does not tell');
  }
}

/** Every fault, on one source: it ends, with the right bytes, and what fails in between can be tried again. */
export function sourceFaults(
  name: string,
  setup: (fault: Fault) => Promise<FaultySource>,
  kinds: readonly FaultKind[] = FAULTS,
): void {
  const suite = describe(`${name}: faults of the link to a source`, () => {
    for (const kind of kinds) {
      for (const seed of SEEDS) {
        it(`a file arrives in spite of ${kind} (seed ${seed})`, () => withFault({ kind, seed }, setup));
      }
    }
  });
  noteInMatrix(suite, { name, end: 'source', what: 'faults' });
}

async function withFault(fault: Fault, setup: (fault: Fault) => Promise<FaultySource>): Promise<void> {
  const bench = await setup(fault);
  try {
    const bytes = sample(Math.min(bench.big ?? SIZE, SIZE), fault.seed);
    await bench.put(PATH, bytes);
    await arrives(bench.source, bytes, fault.kind);
    assert.ok(bench.struck() > 0, 'the fault never struck');
  } finally {
    await bench.close();
  }
}
