import type { Observable } from 'rxjs';
import type { Change, Clock, FileRecord, Logger, LogLevel } from '../ports.js';
import { QUIET_MS, repeatIntervalMs } from '../system/repeat-limiter.js';
import { hasLocalCopy } from './state.js';

/** What is done with a file, at the target of a delivery or else at the source. */
export type FailingStep = 'fetch' | 'deliver' | 'remove' | 'evict';

export interface StepFailure {
  /** As the device said it. */
  readonly reason: string;
  /** What happens next. */
  readonly next?: string;
  /** No further attempt is made. */
  readonly isFinal?: boolean;
  /** It concerns all files, and has been reported once for all of them. */
  readonly reported?: boolean;
}

/** What fails, at which device, and why. */
interface Cause {
  readonly step: FailingStep;
  readonly device: string;
  readonly reason: string;
  readonly level: LogLevel;
}

/** Failures that differ only in the file. */
interface Group {
  readonly first: Cause;
  /** Files that have failed like that. */
  readonly files: Set<string>;
  /** Those that have not succeeded since. */
  readonly open: Set<string>;
  attempts: number;
  /** Attempts since the last line. */
  unreported: number;
  lines: number;
  /** Monotonic ms. */
  lastSeen: number;
  /** Monotonic ms from which another line is due. */
  due: number;
}

/** Groups that are remembered; beyond that the oldest one is forgotten. */
const MAX_GROUPS = 200;

/**
 * Logs the failures of files, those of one cause together: a line when it begins, one now and then with their number, and one when
 * every such file has succeeded or the program ends. Each attempt is still logged at level debug by the queues, and each file keeps
 * its reason in its record.
 */
export class FailureLog {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #logger: Logger | undefined;
  readonly #groups = new Map<string, Group>();

  /** @param changes of all records; their end is that of the program */
  constructor(changes: Observable<Change>, clock: Pick<Clock, 'monotonic'>, logger: Logger | undefined) {
    this.#clock = clock;
    this.#logger = logger;
    changes.subscribe({ next: change => this.#changed(change), complete: () => this.#end() });
  }

  report(step: FailingStep, device: string, record: FileRecord, failure: StepFailure): void {
    const now = this.#clock.monotonic();
    const { reason, isFinal = false, reported = false } = failure;
    if (reported && !isFinal) return;
    const group = this.#groupOf({ step, device, reason, level: isFinal ? 'error' : 'warn' }, record, now);
    group.files.add(record.id);
    group.open.add(record.id);
    group.lastSeen = now;
    group.attempts += 1;
    group.unreported += 1;
    if (now < group.due) return;
    group.lines += 1;
    group.due = now + repeatIntervalMs(group.lines);
    group.unreported = 0;
    const line = lineOf(step, device, record, failure);
    this.#log(group.first.level, group.lines === 1 ? line : `${line}; ${countsOf(group)} by now`);
  }

  #groupOf(cause: Cause, record: FileRecord, now: number): Group {
    const key = keyOf(cause, record);
    const known = this.#groups.get(key);
    if (known && now - known.lastSeen < QUIET_MS) return known;
    const group: Group = {
      ...{ first: cause, files: new Set(), open: new Set() },
      ...{ attempts: 0, unreported: 0, lines: 0, lastSeen: now, due: -Infinity },
    };
    this.#groups.delete(key);
    this.#groups.set(key, group);
    const [oldest] = this.#groups.keys();
    if (this.#groups.size > MAX_GROUPS && oldest !== undefined) this.#groups.delete(oldest);
    return group;
  }

  #changed({ id, record }: Change): void {
    for (const [key, group] of this.#groups) {
      if (!group.open.has(id) || (record && !isOver(group.first, record))) continue;
      group.open.delete(id);
      if (group.open.size > 0) continue;
      this.#groups.delete(key);
      if (group.unreported > 0) this.#log('info', `${titleOf(group)}: over, after ${countsOf(group)}`);
    }
  }

  #end(): void {
    for (const group of this.#groups.values())
      if (group.unreported > 0) this.#log(group.first.level, `${titleOf(group)}: ${countsOf(group)}`);
    this.#groups.clear();
  }

  #log(level: LogLevel, message: string): void {
    this.#logger?.log(level, message);
  }
}

const WORDS: Readonly<Partial<Record<FailingStep, string>>> = {
  remove: 'not removed from the source: ',
  evict: 'the local copy cannot be removed: ',
};

function lineOf(step: FailingStep, device: string, record: FileRecord, failure: StepFailure): string {
  const { reason, next } = failure;
  const place = step === 'deliver' ? ` -> ${device}` : '';
  const end = next === undefined ? '' : ` (${next})`;
  return `${record.device}:${record.path}${place}: ${WORDS[step] ?? ''}${reason}${end}`;
}

const countsOf = ({ files, attempts }: Group): string =>
  `${files.size} ${files.size === 1 ? 'file has' : 'files have'} failed like that, in ${attempts} attempts`;

const titleOf = ({ first: { device, reason } }: Group): string => `${device}: ${reason}`;

/** What had failed is done, or is not to be done any more. */
function isOver({ step, device }: Cause, record: FileRecord): boolean {
  switch (step) {
    case 'fetch':
      return hasLocalCopy(record) || record.source.state !== 'present';
    case 'deliver':
      return (record.targets[device]?.state ?? 'done') === 'done';
    case 'remove':
      return record.source.state !== 'present';
    case 'evict':
      return !hasLocalCopy(record);
  }
}

/** The cause: the reason without the names of the file, and without numbers. */
function keyOf({ step, device, level, reason }: Cause, record: FileRecord): string {
  const names = [record.local, record.targets[device]?.path ?? '', record.path].flatMap(path => [
    path,
    path.slice(path.lastIndexOf('/') + 1),
  ]);
  const cause = names
    .filter(Boolean)
    .reduce((text, name) => text.replaceAll(name, '*'), reason)
    .replace(/[0-9a-f]{8,}|\d+/gi, '#');
  return JSON.stringify([step, device, level, cause]);
}
