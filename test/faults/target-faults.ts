import assert from 'node:assert/strict';
import { FileSyncError } from '../../src/errors.js';
import type { Receipt, Target, WriteEvents } from '../../src/ports.js';
import type { TargetBench } from '../conformance/target.js';
import { noteInMatrix } from '../conformance/matrix.js';
import { checksumOf, sample } from '../conformance/support.js';
import { FAULTS, type Fault, type FaultKind } from './fault.js';
import { assertHonest } from './source-faults.js';

/** A target that is reached through a proxy. */
export interface FaultyTarget extends TargetBench {
  /** How often the fault has struck. */
  struck(): number;
}

const never = new AbortController().signal;
const PATH = 'flights/log.ulg';
const SEEDS = [1, 2];
const SIZE = 300_000;
/** Failed calls after which a test gives up. */
const PATIENCE = 60;

function outgoing(bytes: Uint8Array) {
  return {
    source: { path: PATH, size: bytes.length },
    device: 'autopilot',
    token: 'token0000001',
    sha256: checksumOf('sha256', bytes).value,
    description: 'a flight',
    render: (template: string) => template.replaceAll('{file.name}', 'log.ulg'),
    open: async function* (offset: number) {
      for (let at = offset; at < bytes.length; at += 16_384) yield bytes.slice(at, at + 16_384);
    },
  };
}

/** One try, as the Uploader does it: what the target has of the file already is not sent again. */
async function attempt(target: Target, bytes: Uint8Array): Promise<Receipt | 'there'> {
  const { stat: canTell, resume } = target.capabilities;
  const file = outgoing(bytes);
  const known = canTell ? await target.stat(PATH, file.token, never) : { partial: 0 };
  if (known.size !== undefined) return 'there';
  const events: WriteEvents = { progress: () => undefined, committing: () => Promise.resolve() };
  return target.write(file, PATH, resume ? known.partial : 0, never, events);
}

/** Tries until it is there; a lost answer is the honest end where a target cannot tell what it has. */
async function deliver(
  target: Target,
  bytes: Uint8Array,
  kind: FaultKind,
): Promise<Receipt | 'there' | 'lost'> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt(target, bytes);
    } catch (error) {
      if (error instanceof FileSyncError && error.kind === 'lost-answer') {
        if (!target.capabilities.stat) return 'lost';
      } else assertHonest(error, kind);
      assert.ok(failures < PATIENCE, `still fails: ${String(error)}`);
    }
  }
}

/** Where bytes can change under way, only a receipt that speaks of a hash vouches for them. */
async function arrives(bench: TargetBench, bytes: Uint8Array, kind: FaultKind): Promise<void> {
  const outcome = await deliver(bench.target, bytes, kind);
  if (outcome === 'lost') return;
  const found = await bench.read(PATH);
  assert.ok(found, 'delivered, but not there');
  const vouched = outcome !== 'there' && outcome.verified === 'hash';
  if (kind !== 'corrupt' || vouched) assert.ok(found.equals(bytes), 'other bytes have arrived');
}

/** Every fault, on one target: it ends with the right bytes, and what fails in between can be tried again. */
export function targetFaults(name: string, setup: (fault: Fault) => Promise<FaultyTarget>): void {
  const suite = describe(`${name}: faults of the link to a target`, () => {
    for (const kind of FAULTS) {
      for (const seed of SEEDS) {
        it(`a file arrives in spite of ${kind} (seed ${seed})`, () => withFault({ kind, seed }, setup));
      }
    }
  });
  noteInMatrix(suite, { name, end: 'target', what: 'faults' });
}

async function withFault(fault: Fault, setup: (fault: Fault) => Promise<FaultyTarget>): Promise<void> {
  const bench = await setup(fault);
  try {
    const bytes = sample(SIZE, fault.seed);
    if (bench.head) bytes.set(bench.head);
    await arrives(bench, bytes, fault.kind);
    assert.ok(bench.struck() > 0, 'the fault never struck');
  } finally {
    await bench.close();
  }
}
