import fc from 'fast-check';
import { FileSyncError } from '../../../src/errors.js';
import { FtpChannel } from '../../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../../src/mavlink/ftp-client.js';
import { RemoteFile } from '../../../src/mavlink/remote-file.js';
import { AdaptiveRead } from '../../../src/mavlink/window/adaptive-read.js';
import { UNIMPAIRED, type Impairments } from '../../../src/sim/impairment.js';
import { sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import type { VirtualClock } from '../../fakes/virtual-clock.js';
import { LOG, type MemoryVehicle, type ServerBehaviour } from './memory-vehicle.js';

/** One reading of a file, with its link and vehicle. */
export interface Case {
  readonly size: number;
  readonly offset: number;
  readonly sequence: number;
  readonly inFlight: number;
  readonly rate: number;
  /** ms that the reader needs for each of the first chunks. */
  readonly reader: number;
  readonly link: Impairments;
  readonly behaviour: Partial<ServerBehaviour>;
  /** The file gets another length at this time. */
  readonly change: { readonly at: number; readonly by: number } | undefined;
}

export const CASES: fc.Arbitrary<Case> = fc.record({
  size: fc.integer({ min: 0, max: 20_000 }),
  offset: fc.nat(400),
  sequence: fc.oneof(fc.constant(0xfff0), fc.nat(0xffff)),
  inFlight: fc.constantFrom(1, 2, 7, 64, 2048),
  rate: fc.constantFrom(Infinity, Infinity, 20_000),
  reader: fc.constantFrom(0, 0, 30, 6_000),
  link: fc.record({
    loss: fc.constantFrom(0, 0, 0.02, 0.1, 0.2),
    delay: fc.constantFrom(0, 1, 10, 100),
    rate: fc.constantFrom(Infinity, 6_000, 100_000),
    dup: fc.constantFrom(0, 0.1),
    reorder: fc.constantFrom(0, 0.1),
    seed: fc.nat(),
  }),
  behaviour: fc.record({
    queue: fc.constantFrom(Infinity, Infinity, 1, 5),
    service: fc.constantFrom(0, 1, 10),
    idle: fc.constantFrom(10_000, 5_000),
    keptUpTo: fc.constantFrom(4, 239),
    stickyErrno: fc.boolean(),
    inFlight: fc.constantFrom(Infinity, Infinity, Infinity, 2),
    longest: fc.constantFrom(239, 239, 239, 130),
    restarts: fc.array(fc.nat(3_000), { maxLength: 2 }).map(times => times.sort((a, b) => a - b)),
    downtime: fc.nat(2_000),
  }),
  change: fc.option(fc.record({ at: fc.nat(2_000), by: fc.integer({ min: -500, max: 500 }) }), {
    nil: undefined,
    freq: 6,
  }),
});

/** A reading over a good link from a good server. */
export const PLAIN: Case = {
  size: 0,
  offset: 0,
  sequence: 5,
  inFlight: 2048,
  rate: Infinity,
  reader: 0,
  link: UNIMPAIRED,
  behaviour: {},
  change: undefined,
};

/** The result of a case: the bytes that came, and the error with which it ended, if any. */
export interface Outcome {
  readonly bytes: Buffer;
  readonly error: FileSyncError | undefined;
}

/** Chunks over which the reader is slow. */
const PAUSES = 4;

export async function played(
  one: Case,
  file: Uint8Array,
  clock: VirtualClock,
  vehicle: MemoryVehicle,
  logger = new RecordingLogger(),
): Promise<Outcome> {
  const client = new FtpClient(new FtpChannel(vehicle, clock, one.sequence), logger);
  const limits = { rate: one.rate, inFlight: one.inFlight };
  const strategy = new AdaptiveRead({ clock, logger, limits });
  const never = new AbortController().signal;
  const chunks: Uint8Array[] = [];
  const change = one.change && changedLater(vehicle, clock, one.change);
  const remote = await RemoteFile.open(client, LOG, never);
  try {
    const span = { path: LOG, offset: Math.min(one.offset, file.length), end: file.length };
    if (remote.size !== file.length) throw new FileSyncError('changed', 'changed before it began');
    for await (const chunk of strategy.read(remote, span, never)) {
      chunks.push(chunk);
      if (one.reader > 0 && chunks.length <= PAUSES) await clock.sleep(one.reader);
    }
    return { bytes: Buffer.concat(chunks), error: undefined };
  } catch (error) {
    if (!(error instanceof FileSyncError)) throw error;
    return { bytes: Buffer.concat(chunks), error };
  } finally {
    await remote.close();
    await change;
  }
}

async function changedLater(
  vehicle: MemoryVehicle,
  clock: VirtualClock,
  { at, by }: { at: number; by: number },
): Promise<void> {
  await clock.sleep(at);
  const kept = vehicle.bytes.subarray(0, Math.max(0, vehicle.bytes.length + by));
  vehicle.bytes = by > 0 ? Buffer.concat([kept, sample(by, 99)]) : kept;
}

/** No request is lost, doubled or late. */
export function receivesAll({ link, behaviour: { queue, restarts } }: Case): boolean {
  return link.loss + link.dup + link.reorder === 0 && queue === Infinity && restarts?.length === 0;
}
