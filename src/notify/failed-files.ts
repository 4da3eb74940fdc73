import type { FileRecord, Moment } from '../ports.js';
import { reasonOf } from '../record/state.js';
import type { NoticeEvent } from './events.js';

/** ms until files that fail meanwhile are told of: after the first message, the second one and so on; the last one repeats. */
const INTERVALS_MS = [60_000, 600_000, 3_600_000, 6 * 3_600_000];
/** ms without a failure after which the next one is told of at once again. */
const QUIET_MS = 3_600_000;
/** Paths and reasons that one event names. */
const MAX_PATHS = 20;
const MAX_REASONS = 3;

interface Failed {
  readonly device: string;
  /** Monotonic ms since which it has been FAILED. */
  readonly since: number;
}

/** The FAILED files, and which of them were told. */
export class FailedFiles {
  readonly #after: number;
  readonly #told = new Map<string, Failed>();
  readonly #untold = new Map<string, Failed>();
  /** As `Told.failed`. */
  #toldAt: number | undefined;
  #messages = 0;
  /** Monotonic ms. */
  #nextAt = -Infinity;
  #lastFailure = -Infinity;

  /** @param after ms that a file must have been FAILED */
  constructor(after: number, toldAt: number | undefined) {
    this.#after = after;
    this.#toldAt = toldAt;
  }

  get failed(): number | undefined {
    return this.#toldAt;
  }

  get size(): number {
    return this.#told.size + this.#untold.size;
  }

  countOf(device: string): number {
    return [...this.#told.values(), ...this.#untold.values()].filter(one => one.device === device).length;
  }

  /** It is FAILED at `up`, monotonic ms; maybe it was before. */
  add({ id, device }: FileRecord, up: number): void {
    if (this.#told.has(id) || this.#untold.has(id)) return;
    if (up - this.#lastFailure > QUIET_MS) [this.#messages, this.#nextAt] = [0, -Infinity];
    this.#lastFailure = up;
    this.#untold.set(id, { device, since: up });
  }

  /** It failed in an earlier run of the program; `upOf`: the monotonic time of a wall-clock one. */
  addKnown(record: FileRecord, upOf: (at: number) => number): void {
    const at = failedAt(record);
    const isTold = this.#toldAt !== undefined && at + this.#after <= this.#toldAt;
    (isTold ? this.#told : this.#untold).set(record.id, { device: record.device, since: upOf(at) });
  }

  delete(id: string): void {
    this.#told.delete(id);
    this.#untold.delete(id);
  }

  /** @param hold ms for which others that fail are waited for */
  isDue(up: number, hold: number): boolean {
    if (hold > 0 && up < this.#nextAt) return false;
    const wanted = Math.max(this.#after, hold);
    return [...this.#untold.values()].some(({ since }) => up - since >= wanted);
  }

  /** An event for each source with files that are due; they count as told then. */
  take(
    { up, at }: Moment,
    isEnd: boolean,
    get: (id: string) => FileRecord | undefined,
  ): Extract<NoticeEvent, { kind: 'failed' }>[] {
    if (!isEnd && up < this.#nextAt) return [];
    this.#toldAt = at;
    const due = [...this.#untold].filter(([, { since }]) => up - since >= this.#after);
    if (due.length === 0) return [];
    this.#nextAt = up + (INTERVALS_MS[this.#messages++] ?? INTERVALS_MS.at(-1) ?? 0);
    for (const [id, failed] of due) {
      this.#untold.delete(id);
      this.#told.set(id, failed);
    }
    return eventsOf(due.flatMap(([id]) => get(id) ?? []));
  }
}

/** When the file failed, ms since the Unix epoch: its delivery, or else the last that is known of it. */
function failedAt({ givenUp, targets, updatedAt }: FileRecord): number {
  const times = Object.values(targets).flatMap(({ state, at }) => (state === 'failed' && at ? [at] : []));
  return givenUp || times.length === 0 ? updatedAt : Math.max(...times);
}

function eventsOf(records: readonly FileRecord[]): Extract<NoticeEvent, { kind: 'failed' }>[] {
  return [...new Set(records.map(({ device }) => device))].map(device => {
    const own = records.filter(record => record.device === device);
    return {
      ...{ kind: 'failed', device, files: own.length, bytes: own.reduce((sum, { size }) => sum + size, 0) },
      paths: own.slice(0, MAX_PATHS).map(({ path }) => path),
      reasons: [...new Set(own.map(reasonOf))].slice(0, MAX_REASONS),
    };
  });
}
