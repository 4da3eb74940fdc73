import { nextTick } from 'node:process';
import { BehaviorSubject } from 'rxjs';
import type { Clock, FileRecord } from '../ports.js';
import type { Plan } from '../rules/plan.js';
import type { WhileArmed } from '../rules/rule.js';
import type { DeviceRegistry } from './devices.js';
import { newEntry, Queue, rankOf, type Entry } from './queue.js';
import type { RetryPolicy } from '../system/back-off.js';
import type { StepKind } from '../record/wait.js';
import type { Step } from './steps.js';

/** How many steps are queued, running or waiting for another attempt in this run. */
export interface Pending {
  readonly finds: number;
  readonly downloads: number;
  /** Streams included. */
  readonly uploads: number;
  readonly total: number;
}

export interface BacklogParts {
  readonly registry: DeviceRegistry;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
}

/** Local copies that are verified or deleted in parallel. */
const LOCAL = { connections: 4 };
const ALONE = { connections: 1 };
const COUNTED: Readonly<Partial<Record<StepKind, 'finds' | 'downloads' | 'uploads'>>> = {
  ...{ scan: 'finds', fetch: 'downloads', deliver: 'uploads', stream: 'uploads' },
};

/**
 * The steps that records ask for, in the queues of the device ends that take them. Steps that wait for a time or for a change
 * are parked outside the queues. The backlog decides nothing.
 */
export class Backlog {
  readonly pending = new BehaviorSubject<Pending>({ finds: 0, downloads: 0, uploads: 0, total: 0 });
  /** Queues that have changed since `takeChanged`. */
  readonly #changed = new Set<Queue>();
  readonly #parts: BacklogParts;
  readonly #onChange: () => void;
  readonly #queues = new Map<string, Queue>();
  readonly #entries = new Map<string, Entry>();
  readonly #byRecord = new Map<string, readonly Entry[]>();
  readonly #parked = new Set<Entry>();
  readonly #counts = { finds: 0, downloads: 0, uploads: 0, others: 0 };
  #timer: { readonly at: number; readonly cancel: AbortController } | undefined;

  /** `onChange` is called when queues have changed, and when a time has come. */
  constructor(parts: BacklogParts, onChange: () => void) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** The steps of one record. */
  of(id: string): readonly Entry[] {
    return this.#byRecord.get(id) ?? [];
  }

  get parked(): readonly Entry[] {
    return [...this.#parked];
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /** `mode` is used where no plan says what may be done while a vehicle is armed. */
  add(step: Step, mode: WhileArmed, record?: FileRecord, plan?: Plan): Entry {
    const queue = this.#queueOf(step);
    const entry = newEntry(step, queue, mode, this.#parts.clock.monotonic(), record, plan);
    this.#entries.set(step.key, entry);
    if (record) this.#byRecord.set(record.id, [...this.of(record.id), entry]);
    this.#count(step, 1);
    this.enqueue(entry);
    return entry;
  }

  /** The record has changed: the step is checked again. Its failures are kept. */
  refresh(entry: Entry, record: FileRecord | undefined, plan: Plan | undefined): void {
    entry.mode = plan?.whileArmed ?? entry.mode;
    if (entry.running) return;
    if (entry.parked === undefined) entry.queue.remove(entry);
    entry.rank = rankOf(entry.step, record, plan);
    this.unpark(entry);
  }

  delete(entry: Entry): void {
    const { step } = entry;
    this.#entries.delete(step.key);
    const others = this.of(step.id).filter(other => other !== entry);
    if (others.length > 0) this.#byRecord.set(step.id, others);
    else this.#byRecord.delete(step.id);
    this.#parked.delete(entry);
    entry.queue.remove(entry);
    if (!entry.deferred) this.#count(step, -1);
    this.touch(entry.queue);
  }

  targetQueue(target: string): Queue {
    const { registry } = this.#parts;
    return this.#queue(`to ${target}`, () => registry.target(target)?.capabilities ?? ALONE);
  }

  enqueue(entry: Entry): void {
    entry.queue.insert(entry);
    this.touch(entry.queue);
  }

  /** Takes the step out of its queue until `until`, monotonic ms; Infinity: until something about it changes. */
  park(entry: Entry, until: number): void {
    entry.queue.remove(entry);
    entry.parked = until;
    this.#parked.add(entry);
    if (until - this.#parts.clock.monotonic() > this.#parts.policy.maxWaitMs) this.defer(entry, 'waits');
    else if (until !== Infinity) this.wakeAt(until);
  }

  unpark(entry: Entry): void {
    this.#parked.delete(entry);
    entry.parked = undefined;
    this.enqueue(entry);
  }

  /** Defers a step to another run, or takes it up again. */
  defer(entry: Entry, deferred: Entry['deferred']): void {
    if ((entry.deferred === undefined) !== (deferred === undefined))
      this.#count(entry.step, deferred ? -1 : 1);
    entry.deferred = deferred;
  }

  /** Steps in that queue may begin. */
  touch(queue: Queue): void {
    if (this.#changed.size === 0) nextTick(this.#onChange);
    this.#changed.add(queue);
  }

  /** `gates`: closed gates may be open now. */
  touchAll(gates = false): void {
    for (const queue of this.#queues.values()) {
      if (gates) queue.stalled = false;
      this.touch(queue);
    }
  }

  takeChanged(): Queue[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  wakeAt(at: number): void {
    if (this.#timer && this.#timer.at <= at) return;
    this.stop();
    const cancel = new AbortController();
    this.#timer = { at, cancel };
    const { clock } = this.#parts;
    clock.sleep(at - clock.monotonic(), cancel.signal).then(
      () => this.#wake(),
      () => undefined,
    );
  }

  /** Emits the numbers of pending steps if they have changed. */
  publish(): void {
    const { finds, downloads, uploads, others } = this.#counts;
    const total = finds + downloads + uploads + others;
    const { value } = this.pending;
    const isSame = value.finds === finds && value.downloads === downloads && value.uploads === uploads;
    if (!isSame || value.total !== total) this.pending.next({ finds, downloads, uploads, total });
  }

  stop(): void {
    this.#timer?.cancel.abort();
    this.#timer = undefined;
  }

  #queueOf({ kind, source = '', target = '' }: Step): Queue {
    const { registry } = this.#parts;
    if (kind === 'evict' || kind === 'recover') return this.#queue('local', () => LOCAL);
    if (kind === 'deliver') return this.targetQueue(target);
    return this.#queue(`from ${source}`, () => registry.source(source)?.capabilities ?? ALONE);
  }

  #queue(...[name, capacity]: ConstructorParameters<typeof Queue>): Queue {
    const queue = this.#queues.get(name) ?? new Queue(name, capacity);
    this.#queues.set(name, queue);
    return queue;
  }

  #wake(): void {
    this.#timer = undefined;
    const now = this.#parts.clock.monotonic();
    let next = Infinity;
    for (const entry of this.parked) {
      const until = entry.parked ?? Infinity;
      if (until <= now) this.unpark(entry);
      else if (!entry.deferred) next = Math.min(next, until);
    }
    if (next !== Infinity) this.wakeAt(next);
    this.touchAll(true);
  }

  #count({ kind }: Step, change: number): void {
    this.#counts[COUNTED[kind] ?? 'others'] += change;
  }
}
