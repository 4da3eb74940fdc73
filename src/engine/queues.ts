import { filter, firstValueFrom, Subscription, type BehaviorSubject } from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Change, Clock, FileRecord, Logger } from '../ports.js';
import { compareRanks } from '../rules/order.js';
import type { Planner } from '../rules/plan.js';
import { withDeadline } from '../system/deadline.js';
import { logDebug } from '../system/logger.js';
import { TransferRate } from '../system/transfer-rate.js';
import { Backlog, type Pending } from './backlog.js';
import type { DeviceRegistry } from './devices.js';
import { gateName, hasNameConflict, outranks, rankOf, slotsFor, smallestOf } from './queue.js';
import type { Entry, Queue, Running } from './queue.js';
import { ClosedGates } from '../record/closed-gates.js';
import { isMoot, mootReason } from '../record/moot.js';
import type { Records } from '../record/records.js';
import { Failures, isLocalSpace, type RetryPolicy } from '../system/back-off.js';
import { failureText, interruptionOf, isInterruption, progressOf } from '../record/progress.js';
import type { RunningTransfer } from '../record/progress.js';
import type { StepKind, StepWait, Wait } from '../record/wait.js';
import { gateOf, ownWait, scanStep, stepsFor, waitOf } from './steps.js';
import type { Step, StepWorker, World } from './steps.js';

export interface QueueParts {
  readonly records: Records;
  readonly registry: DeviceRegistry;
  readonly planner: Pick<Planner, 'planFor' | 'mildest'>;
  readonly workers: Readonly<Record<StepKind, StepWorker>>;
  /** `retry`: the part of the world that the queues know. */
  readonly world: (retry: World['retry']) => World;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
}

/** A transfer that ends within this time is not interrupted for a newer file. */
const PREEMPT_MIN_LEFT_MS = 30_000;
const READS: ReadonlySet<StepKind> = new Set(['fetch', 'stream']);
const QUEUED: Wait = { code: 'queue', reason: 'waits for its turn' };
/** `stop` waits no longer for the steps that it interrupts. */
const STOP_TIMEOUT_MS = 4_000;

/**
 * The scheduler: a map of the running steps. Whenever a step ends, or a record, a gate or a clock changes, it asks steps.ts
 * again which steps are due; there is no other list of work.
 */
export class Queues {
  /** How much is left to do in this run; emits immediately, then on each change. */
  readonly pending: BehaviorSubject<Pending>;
  readonly #parts: QueueParts;
  readonly #backlog: Backlog;
  readonly #running = new Map<Entry, Promise<void>>();
  readonly #gates: ClosedGates;
  readonly #subscriptions = new Subscription();
  #stopping = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#gates = new ClosedGates(parts.logger);
    this.#backlog = new Backlog(parts, () => this.#fillChanged());
    this.pending = this.#backlog.pending;
  }

  /** Queues the steps of all records, then those of each change. */
  start(): void {
    const { records, registry } = this.#parts;
    this.replan();
    this.#subscriptions.add(records.changes.subscribe(change => this.#changed(change)));
    this.#subscriptions.add(records.requests.subscribe(id => this.#requested(id)));
    this.#subscriptions.add(registry.changes.subscribe(() => this.gatesChanged()));
  }

  /** Checks all records again, because the rules have changed. A transfer that no rule wants any more is interrupted. */
  replan(): void {
    const { records } = this.#parts;
    for (const record of records.all()) this.#consider(record.id, record);
    const isUnwanted = ({ step: { id, target } }: Entry) =>
      target !== undefined && records.get(id)?.targets[target] === undefined;
    this.#abort([...this.#running.keys()].filter(isUnwanted), 'no rule wants it any more');
  }

  /** Asks for a scan of a source; a running scan is followed by another. */
  scan(device: string): void {
    const [step, mode] = [scanStep(device), this.#parts.planner.mildest(device)];
    if (!this.#parts.registry.source(device)) return;
    const entry = this.#backlog.get(step.key) ?? this.#backlog.add(step, mode);
    entry.mode = mode;
    entry.requests += 1;
    this.#revive(entry);
    this.#backlog.publish();
  }

  /** The source is no longer configured. A running scan ends by itself, as its gate is closed. */
  dropScan(device: string): void {
    const entry = this.#backlog.get(scanStep(device).key);
    if (entry && !entry.running) this.#backlog.delete(entry);
  }

  /** Checks waiting steps again, because something that they depend on has changed. */
  reconsider(which: (entry: Entry) => boolean): void {
    for (const entry of this.#backlog.parked)
      if (entry.parked === Infinity && which(entry)) this.#backlog.unpark(entry);
  }

  /** A device, a vehicle, or a setting that gates depend on has changed. */
  gatesChanged(): void {
    const world = this.#world();
    for (const entry of this.#running.keys()) {
      const wait = gateOf(entry.step, entry.mode, world, entry.owner);
      if (wait?.interrupts) this.#abort([entry], wait.reason);
    }
    this.#backlog.touchAll(true);
  }

  /** Resolves when every scan that was asked for has ended or is left for another run. */
  async scanned(): Promise<void> {
    await firstValueFrom(this.pending.pipe(filter(({ finds }) => finds === 0)));
  }

  /** Resolves when nothing is queued, running or waiting for another attempt in this run. */
  async idle(): Promise<void> {
    // Changes that are not processed yet come first.
    await new Promise(resolve => setImmediate(resolve));
    await firstValueFrom(this.pending.pipe(filter(({ total }) => total === 0)));
  }

  /** What each step of a file waits for; steps that are under way are left out. */
  waits(record: FileRecord): StepWait[] {
    const [plan, world] = [this.#parts.planner.planFor(record), this.#world()];
    return stepsFor(record, plan).flatMap(step => {
      if (this.#backlog.get(step.key)?.running) return [];
      const wait = waitOf(step, record, plan, world) ?? QUEUED;
      return [{ ...wait, stage: step.kind, ...(step.target !== undefined && { target: step.target }) }];
    });
  }

  /** The transfers that are under way. */
  transfers(): RunningTransfer[] {
    const now = this.#parts.clock.monotonic();
    return [...this.#running.keys()].flatMap(({ step: { kind, id, target }, running }) => {
      const record = this.#parts.records.get(id);
      if (!record || !running || !(READS.has(kind) || kind === 'deliver')) return [];
      const { position } = running.rate;
      return [{ ...progressOf(record, position, target), bytesPerSecond: running.rate.bytesPerSecond(now) }];
    });
  }

  /** Interrupts the running steps; resolves when they have ended, or after STOP_TIMEOUT_MS. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#subscriptions.unsubscribe();
    this.#backlog.stop();
    this.#abort(this.#running.keys(), 'cancelled');
    const ended = Promise.all(this.#running.values());
    await withDeadline(ended, { ms: STOP_TIMEOUT_MS, clock: this.#parts.clock }).catch(() => undefined);
  }

  // ---- the backlog --------------------------------------------------------------------------------------

  #changed({ id, record, previous }: Change): void {
    this.#consider(id, record);
    if (record?.copy.state === 'evicted' && previous?.copy.state === 'whole') this.#spaceFreed();
  }

  /** Updates the entries of a record. A running step goes on to its end unless it is moot. */
  #consider(id: string, record: FileRecord | undefined): void {
    const plan = record && this.#parts.planner.planFor(record);
    const wanted = record ? stepsFor(record, plan) : [];
    const keys = new Set(wanted.map(({ key }) => key));
    const unwanted = this.#backlog.of(id).filter(({ step }) => !keys.has(step.key));
    for (const entry of unwanted.filter(({ running }) => !running)) this.#backlog.delete(entry);
    this.#abort(unwanted.filter(isMoot(record)), mootReason(record));
    for (const step of wanted) {
      const entry = this.#backlog.get(step.key);
      if (!entry) this.#backlog.add(step, 'upload-only', record, plan);
      else this.#backlog.refresh(entry, record, plan);
    }
  }

  #abort(entries: Iterable<Entry>, reason: string): void {
    for (const { running } of entries) running?.control.abort(new FileSyncError('cancelled', reason));
  }

  #requested(id: string): void {
    const { device = '', path = '', targets = {} } = this.#parts.records.get(id) ?? {};
    this.#parts.logger.log('info', `${device}:${path}: a person has asked for it, next attempt now`);
    [device, ...Object.keys(targets)].forEach(this.#parts.registry.hurry);
    for (const entry of this.#backlog.of(id)) {
      entry.failures = undefined;
      this.#revive(entry);
    }
  }

  #revive(entry: Entry): void {
    this.#backlog.defer(entry, undefined);
    if (entry.parked !== undefined) this.#backlog.unpark(entry);
    else this.#backlog.touch(entry.queue);
  }

  #spaceFreed(): void {
    for (const entry of this.#backlog.parked.filter(({ failures }) => failures?.waitsForSpace)) {
      entry.failures?.forgetPause();
      this.#backlog.unpark(entry);
    }
    for (const queue of this.#backlog.queues()) queue.pausedUntil = -Infinity;
  }

  // ---- starting steps -----------------------------------------------------------------------------------

  #fillChanged(): void {
    const queues = this.#backlog.takeChanged();
    const world = this.#world();
    if (!this.#stopping) for (const queue of queues) this.#fill(queue, world);
    this.#backlog.publish();
  }

  #fill(queue: Queue, world: World): void {
    queue.contended = false;
    if (queue.pausedUntil > world.now.up) return this.#backlog.wakeAt(queue.pausedUntil);
    for (;;) {
      if (this.#isFullForNow(queue, world.now.up)) return void (queue.contended = true);
      const parked = new Map<Entry, number>();
      const isReady = (entry: Entry) => this.#isReady(entry, world, parked);
      if (queue.stalled && !queue.takeFresh().some(isReady)) return this.#parkAll(parked);
      queue.stalled = false;
      const entry = queue.next(isReady);
      this.#parkAll(parked);
      queue.stalled = entry === undefined && !queue.contended;
      if (!entry) return;
      if (queue.load + slotsFor(entry, queue) > queue.slots) return this.#preempt(queue, entry, isReady);
      this.#begin(queue, entry);
    }
  }

  /** Every slot is taken, by steps whose remaining time is not known yet: none of them can be preempted. */
  #isFullForNow(queue: Queue, now: number): boolean {
    if (queue.load <= queue.slots - smallestOf(queue)) return false;
    for (const { running } of this.#running.keys()) if (running?.rate.isKnown(now)) return false;
    return true;
  }

  #parkAll(parked: ReadonlyMap<Entry, number>): void {
    for (const [entry, until] of parked) this.#backlog.park(entry, until);
  }

  #isReady(entry: Entry, world: World, parked: Map<Entry, number>): boolean {
    const { step, owner, mode } = entry;
    if (entry.deferred === 'failed') return false;
    const own = this.#ownWait(step, world);
    if (own) parked.set(entry, own.until ?? Infinity);
    if (own) return false;
    const gate = gateOf(step, mode, world, owner);
    if (gate) this.#atGate(entry, gate, world.now.up);
    if (gate) return false;
    if (this.#gates.any) this.#gates.open(gateName(entry));
    this.#backlog.defer(entry, undefined);
    const hasToWait =
      this.#lacksSlot(step) || hasNameConflict(step, this.#running.keys(), this.#parts.records);
    if (hasToWait) entry.queue.contended = true;
    return !hasToWait;
  }

  #ownWait(step: Step, world: World): Wait | undefined {
    const isAfterwards = step.kind === 'remove' || step.kind === 'evict';
    const record = isAfterwards ? this.#parts.records.get(step.id) : undefined;
    return ownWait(step, record, record && this.#parts.planner.planFor(record), world);
  }

  /** A stream takes a slot at its target as well. */
  #lacksSlot({ kind, target = '' }: Step): boolean {
    if (kind !== 'stream') return false;
    const { load, slots } = this.#backlog.targetQueue(target);
    return load + 1 > slots;
  }

  /** The time that a gate has been closed counts for all steps that wait at it. */
  #atGate(entry: Entry, wait: Wait, now: number): void {
    const since = this.#gates.close(gateName(entry), wait, now);
    const { maxWaitMs } = this.#parts.policy;
    if (wait.until !== undefined) this.#backlog.wakeAt(wait.until);
    if (maxWaitMs === Infinity || entry.deferred) return;
    const waiting = Math.max(now - since, (wait.until ?? now) - now);
    if (waiting < maxWaitMs) return this.#backlog.wakeAt(since + maxWaitMs);
    this.#backlog.defer(entry, 'waits');
    this.#debug(entry, () => `left for the next run: ${wait.reason}`);
    if (entry.step.kind !== 'scan') return;
    this.#parts.workers.scan.failed(entry.step, new FileSyncError('unavailable', wait.reason), 'retry', true);
  }

  #begin(queue: Queue, entry: Entry): void {
    queue.remove(entry);
    queue.served(entry);
    const rate = new TransferRate(this.#parts.clock.monotonic());
    const { kind, target = '' } = entry.step;
    const slots = new Map([[queue, slotsFor(entry, queue)]]);
    if (kind === 'stream') slots.set(this.#backlog.targetQueue(target), 1);
    const running: Running = { control: new AbortController(), rate, slots };
    for (const [taken, share] of slots) taken.load += share;
    entry.running = running;
    this.#running.set(entry, this.#run(entry, running));
  }

  async #run(entry: Entry, running: Running): Promise<void> {
    const { step, requests } = entry;
    const progressed = (position: number): void => this.#progressed(entry, running, position);
    const before = this.#parts.records.get(step.id);
    const began = this.#parts.clock.monotonic();
    this.#debug(entry, () => 'begun');
    try {
      await this.#parts.workers[step.kind].run(step, running.control.signal, progressed);
      if (before && before === this.#parts.records.get(step.id))
        throw new FileSyncError('io', 'nothing has changed');
      entry.failures = undefined;
      this.#debug(entry, () => `ended after ${Math.round(this.#parts.clock.monotonic() - began)} ms`);
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      this.#failed(entry, error, isInterruption(error, running.control.signal));
    }
    this.#running.delete(entry);
    for (const [taken, share] of running.slots) taken.load -= share;
    entry.running = undefined;
    if (!this.#stopping) this.#ended(entry, requests);
    this.#backlog.touchAll();
  }

  #ended(entry: Entry, requests: number): void {
    const { step } = entry;
    entry.waitingSince = this.#parts.clock.monotonic();
    const record = this.#parts.records.get(step.id);
    const plan = record && this.#parts.planner.planFor(record);
    const wanted =
      step.kind === 'scan'
        ? entry.requests > requests && this.#parts.registry.source(entry.owner) !== undefined
        : record !== undefined && stepsFor(record, plan).some(({ key }) => key === step.key);
    if (!wanted) return this.#backlog.delete(entry);
    entry.rank = rankOf(step, record, plan);
    this.#backlog.enqueue(entry);
  }

  #progressed(entry: Entry, running: Running, position: number): void {
    const now = this.#parts.clock.monotonic();
    running.rate.progressed(position, now);
    entry.failures?.progressed(position);
    if (entry.queue.contended && running.rate.isKnown(now)) this.#backlog.touch(entry.queue);
  }

  // ---- failures and preemption --------------------------------------------------------------------------

  #failed(entry: Entry, error: FileSyncError, interrupted: boolean): void {
    const { policy, random, clock, workers, records, registry, logger } = this.#parts;
    const { step, running } = entry;
    // A scan that failed, or was interrupted, is still asked for.
    entry.requests += 1;
    if (interrupted) logger.log(...interruptionOf(step, running, records.get(step.id), registry));
    if (interrupted) return workers[step.kind].failed(step, error, 'retry', false);
    const failures = (entry.failures ??= new Failures(policy, random, entry.running?.rate.position ?? 0));
    const now = clock.monotonic();
    const retry = failures.add(error, now);
    this.#debug(entry, () => failureText(error, retry ? failures.until - now : undefined));
    if (!retry) this.#backlog.defer(entry, 'failed');
    workers[step.kind].failed(step, error, error.temporary ? 'retry' : 'failed', !retry);
    // The queue pauses until the probe has seen that the device is offline, or the disk has space.
    if (error.kind === 'unavailable' || isLocalSpace(error)) entry.queue.pausedUntil = now + policy.baseMs;
  }

  /** Interrupts a long transfer of an older file for a newer one, and any transfer for a scan that has waited long. */
  #preempt(queue: Queue, entry: Entry, isReady: (entry: Entry) => boolean): void {
    queue.contended = true;
    const now = this.#parts.clock.monotonic();
    const [last] = [...this.#running.keys()]
      .filter(({ step: { kind, source } }) => source === entry.step.source && READS.has(kind))
      .sort((a, b) => compareRanks(b.rank, a.rank));
    if (!last?.running || last.running.control.signal.aborted) return;
    if (last.running.rate.timeLeft(last.size, now) <= PREEMPT_MIN_LEFT_MS) return;
    const file = queue.next(one => one.step.kind !== 'scan' && isReady(one));
    const first = [entry, file].find(one => one && outranks(one, last, this.#parts.records, now));
    const reason = first?.step.kind === 'scan' ? 'a scan of its source is due' : 'a newer file goes first';
    if (first) this.#abort([last], reason);
  }

  #debug({ step, owner }: Entry, what: () => string): void {
    const path = () => this.#parts.records.get(step.id)?.path ?? '';
    logDebug(this.#parts.logger, () => `${step.key} (${owner}:${path()}): ${what()}`);
  }

  #world(): World {
    return this.#parts.world(key => {
      const { until = -Infinity, reason = '', waitsForSpace } = this.#backlog.get(key)?.failures ?? {};
      const code = waitsForSpace ? 'disk_full' : 'back_off';
      return until > this.#parts.clock.monotonic() ? { code, reason, until } : undefined;
    });
  }
}
