import type { Capabilities, FileRecord } from '../ports.js';
import { hasSameName } from '../record/identity.js';
import type { Records } from '../record/records.js';
import type { Plan } from '../rules/plan.js';
import { compareRanks, rankIn, timeOf, type Rank } from '../rules/order.js';
import type { WhileArmed } from '../rules/rule.js';
import type { Failures } from '../system/back-off.js';
import { isSmallFile } from '../system/size.js';
import { SortedList } from '../system/sorted-list.js';
import type { TransferRate } from '../system/transfer-rate.js';
import type { Step } from './steps.js';

/** A running step. */
export interface Running {
  readonly control: AbortController;
  readonly rate: TransferRate;
  /** The slots that it takes of each queue: a stream takes one at its target as well. */
  readonly slots: ReadonlyMap<Queue, number>;
}

/** A step that a record asks for. It keeps its failures as long as the record asks for it. */
export interface Entry {
  readonly step: Step;
  /** Of the device end that takes it. */
  readonly queue: Queue;
  /** Of the file, bytes. */
  readonly size: number;
  /** The source of the file. */
  readonly owner: string;
  readonly group: string;
  rank: Rank;
  /** The rule's `while_armed`. */
  mode: WhileArmed;
  failures?: Failures | undefined;
  running?: Running | undefined;
  /** Monotonic ms before which it is not checked again; Infinity: until something about it changes. */
  parked?: number | undefined;
  /** Left for another run: it has failed too often, or would wait longer than this run does. */
  deferred?: 'failed' | 'waits' | undefined;
  /** Monotonic ms since which it has been queued. */
  waitingSince: number;
  /** How often it was asked for: a scan that is asked for while it runs is repeated. */
  requests: number;
}

/** `now`: monotonic ms. */
export function newEntry(
  step: Step,
  queue: Queue,
  mode: WhileArmed,
  now: number,
  record: FileRecord | undefined,
  plan: Plan | undefined,
): Entry {
  const { device: owner = step.source ?? '', size = 0 } = record ?? {};
  const group = step.kind === 'deliver' ? owner : (step.target ?? '');
  const [rank, armed] = [rankOf(step, record, plan), plan?.whileArmed ?? mode];
  return { step, queue, owner, size, group, rank, mode: armed, waitingSince: now, requests: 0 };
}

/** The slots that a step takes of its queue: a small file takes a part of one, since it mostly waits for a disk. */
export const slotsFor = ({ step: { kind }, size }: Entry, queue: Queue): number =>
  (kind === 'fetch' || kind === 'deliver') && isSmallFile(size) && queue.slots > 1 ? smallestOf(queue) : 1;
export const smallestOf = ({ capacity }: Queue): number => 1 / (capacity().smallFiles ?? 1);

/** Steps between the same ends, for files of the same source and under the same `while_armed`, wait at the same gate. */
export const gateName = ({ step: { source = 'local', target = 'local' }, owner, mode }: Entry): string =>
  `${source} -> ${target} (files of ${owner}, while_armed: ${mode})`;

const KINDS: Readonly<Partial<Record<Step['kind'], number>>> = { scan: 0, remove: 2 };

/** Scans before transfers, removals last; within a kind, by the rule's order. */
export function rankOf({ kind }: Step, record: FileRecord | undefined, plan: Plan | undefined): Rank {
  return rankIn(KINDS[kind] ?? 1, record, plan?.order ?? 'newest');
}

/** A scan that waits longer for a transfer on its source interrupts that transfer. */
const MAX_SCAN_WAIT_MS = 60_000;

/** Whether the waiting step may interrupt the transfer that runs on its source; `now`: monotonic ms. */
export function outranks(entry: Entry, running: Entry, records: Pick<Records, 'get'>, now: number): boolean {
  if (entry.step.kind === 'scan') return now - entry.waitingSince >= MAX_SCAN_WAIT_MS;
  if (entry.step.kind === 'remove') return false;
  if (entry.rank.first !== running.rank.first) return entry.rank.first > running.rank.first;
  const [waits, runs] = [entry, running].map(({ step }) => records.get(step.id));
  return entry.rank.descending && waits !== undefined && runs !== undefined && timeOf(waits) > timeOf(runs);
}

/** Another file of that name is being sent to the same target: not every server can refuse to replace a new file. */
export function hasNameConflict(
  { id, target }: Step,
  running: Iterable<Entry>,
  records: Pick<Records, 'get'>,
): boolean {
  const record = records.get(id);
  if (target === undefined || !record) return false;
  for (const { step } of running) {
    const other = step.target === target && step.id !== id ? records.get(step.id) : undefined;
    if (other && hasSameName(record, other, target)) return true;
  }
  return false;
}

/** The steps that wait for one end of a device, in order. Groups (its targets, or the sources it gets files from) take turns. */
export class Queue {
  readonly name: string;
  /** Monotonic ms until which no step begins: the device has just failed. */
  pausedUntil = -Infinity;
  /** A step waits for a slot. */
  contended = false;
  /** No step in it can begin before a gate opens; only steps that were inserted since then are checked. */
  stalled = false;
  /** Slots that are taken. */
  load = 0;
  readonly capacity: () => Pick<Capabilities, 'connections' | 'smallFiles'>;
  readonly #groups = new Map<string, SortedList<Entry>>();
  readonly #fresh = new Set<Entry>();
  readonly #served = new Map<string, number>();
  #turn = 0;

  constructor(name: string, capacity: Queue['capacity']) {
    this.name = name;
    this.capacity = capacity;
  }

  get slots(): number {
    return this.capacity().connections;
  }

  insert(entry: Entry): void {
    const entries = this.#groups.get(entry.group) ?? new SortedList<Entry>(byRank);
    this.#groups.set(entry.group, entries);
    entries.insert(entry);
    if (this.stalled) this.#fresh.add(entry);
  }

  /** Removes and returns the steps that were inserted since the queue stalled. */
  takeFresh(): Entry[] {
    const fresh = [...this.#fresh];
    this.#fresh.clear();
    return fresh;
  }

  remove(entry: Entry): void {
    this.#groups.get(entry.group)?.remove(entry);
    this.#fresh.delete(entry);
  }

  /** The next of the steps for which `ready` is true: those that a person moved to the front, then scans, then in turns. */
  next(ready: (entry: Entry) => boolean): Entry | undefined {
    let best: Entry | undefined;
    for (const entries of this.#groups.values()) {
      const entry = entries.find(ready);
      if (entry && (!best || this.#compare(entry, best) < 0)) best = entry;
    }
    return best;
  }

  served({ group }: Entry): void {
    this.#served.set(group, ++this.#turn);
  }

  #compare(a: Entry, b: Entry): number {
    const turn = (entry: Entry) => this.#served.get(entry.group) ?? 0;
    const [one, other] = [a.rank, b.rank];
    return other.first - one.first || one.kind - other.kind || turn(a) - turn(b) || compareRanks(one, other);
  }
}

const byRank = (a: Entry, b: Entry): number => compareRanks(a.rank, b.rank);
