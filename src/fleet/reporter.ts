import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { FleetObject } from '../api/schema-fleet.js';
import { toFileSyncError } from '../errors.js';
import type { Clock, Logger, SourceRecord } from '../ports.js';
import { untilAborted, withDeadline } from '../system/deadline.js';
import { FleetObjects, type Store } from './objects.js';
import { publish } from './publish.js';
import { contentOf } from './report.js';

/** The name of what is remembered among the sources in the database: no device can have it. */
const FLEET = 'fleet:';
/** The first look comes within this time, at a random moment: many vehicles may have been switched on together. */
const MAX_START_MS = 10_000;
/** One look at the store, with everything that it writes. */
const MAX_WRITING_MS = 60_000;
const HOUR_MS = 3_600_000;
const HEARTBEATS = 6;
const JITTER = 0.1;

const remembered = z.object({ hash: z.string(), at: z.number() });
type Written = z.output<typeof remembered>;

export interface ReporterParts {
  /** The device with the objects. */
  readonly to: string;
  readonly instance: string;
  /** ms. */
  readonly every: number;
  /** Makes the report of now; `heartbeat`: ms after which the next one is written in any case. */
  readonly report: (heartbeat: number) => Promise<FleetObject>;
  /** Opens the device with the objects; undefined while it may not be used (`hours`, `over`, `unmetered`). */
  readonly open: (signal: AbortSignal) => Promise<(Store & AsyncDisposable) | undefined>;
  readonly records: {
    source(device: string): SourceRecord | undefined;
    putSource(source: SourceRecord): Promise<void>;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** ms after which a status that has not changed is written again, so that nobody takes the vehicle for lost. */
export const heartbeatOf = (every: number): number => Math.max(every, Math.min(HOUR_MS, HEARTBEATS * every));

/**
 * Keeps this vehicle's status on the store of its fleet. It has a connection of its own, which is closed after each use; nothing
 * waits for it, and a store that fails is asked again at the next look, no earlier.
 */
export class FleetReporter {
  readonly #parts: ReporterParts;
  readonly #stopping = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #written: Written | undefined;
  #isFailing = false;
  #isTaken = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    this.#written = parse(parts.records.source(FLEET)?.told);
  }

  start(): void {
    this.#working = this.#work();
  }

  /** The end of a pass: writes what has changed, and waits at most `ms` for that. */
  async finish(ms: number, signal: AbortSignal): Promise<void> {
    await this.#look(AbortSignal.any([signal, this.#stopping.signal]), ms);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { every, clock, random } = this.#parts;
    const { signal } = this.#stopping;
    let ms = random() * Math.min(every, MAX_START_MS);
    while (!signal.aborted) {
      await untilAborted(signal, over => clock.sleep(ms, over));
      if (!signal.aborted) await this.#look(signal, MAX_WRITING_MS);
      ms = every * (1 + JITTER * (2 * random() - 1));
    }
  }

  /** Never rejects. */
  async #look(signal: AbortSignal, ms: number): Promise<void> {
    try {
      await withDeadline(over => this.#writeIfChanged(over), { signal, ms, clock: this.#parts.clock });
    } catch (thrown) {
      if (!signal.aborted) this.#failed(toFileSyncError(thrown).message);
    }
  }

  async #writeIfChanged(signal: AbortSignal): Promise<void> {
    const { clock, every, report, open, instance, to } = this.#parts;
    const heartbeat = heartbeatOf(every);
    const now = await report(heartbeat);
    const hash = createHash('sha256')
      .update(`${to} ${contentOf(now)}`)
      .digest('hex');
    const age = clock.now() - (this.#written?.at ?? -Infinity);
    if (hash === this.#written?.hash && age >= 0 && age < heartbeat) return;
    await using store = await open(signal);
    if (!store) return;
    const { name, isTaken } = await publish(new FleetObjects(store, instance), now, signal);
    this.#succeeded(name, isTaken, now);
    this.#remember({ hash, at: clock.now() });
  }

  #succeeded(name: string, isTaken: boolean, { vehicle }: FleetObject): void {
    const { logger } = this.#parts;
    if (this.#isFailing) logger.log('info', 'the status is written again');
    this.#isFailing = false;
    if (isTaken && !this.#isTaken)
      logger.log(
        'warn',
        `another computer reports as vehicle ${vehicle}: this one is ${name} there; give each a name of its own (vehicle: NAME), or delete the object of one that is no more`,
      );
    this.#isTaken = isTaken;
    logger.log('debug', `status written: ${name}.json`);
  }

  #failed(why: string): void {
    this.#parts.logger.log(this.#isFailing ? 'debug' : 'warn', `the status cannot be written: ${why}`);
    this.#isFailing = true;
  }

  /** What cannot be remembered is written once more after a restart. */
  #remember(written: Written): void {
    this.#written = written;
    const record = { device: FLEET, scannedAt: 0, told: JSON.stringify(written) };
    this.#parts.records.putSource(record).catch(() => undefined);
  }
}

function parse(told: string | undefined): Written | undefined {
  try {
    return remembered.parse(JSON.parse(told ?? ''));
  } catch {
    return undefined;
  }
}
