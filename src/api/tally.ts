import { FileState, type FileRecord } from '../ports.js';
import { failedTargets, hasLocalCopy, openTargets, stateOf } from '../record/state.js';
import { isBeforeDelivery, type StepWait } from '../record/wait.js';
import type { Exposed, Tally } from './verdict.js';

/** What the reason begins with for which a file is skipped until a person asks for it. */
const ASKED = 'fetch: asked';

/** Counts records as the verdict needs them. */
export class Tallying {
  readonly #moving: ReadonlySet<string>;
  readonly #exposed = new Map<string, Exposed>();
  readonly #exposedIds = new Set<string>();
  readonly #targets = new Set<string>();
  readonly #failedOn = new Set<string>();
  readonly #refusals = new Map<string, number>();
  readonly #counts = { delivered: 0, safe: 0, failed: 0, asked: 0, vanished: 0 };

  /** @param moving ids of the files that are being transferred */
  constructor(moving: readonly string[]) {
    this.#moving = new Set(moving);
  }

  get tally(): Tally {
    return {
      ...this.#counts,
      ...{ exposed: this.#exposed, exposedIds: this.#exposedIds },
      ...{ targets: [...this.#targets], failedOn: this.#failedOn, refusals: this.#refusals },
    };
  }

  /** `waits`: what the steps of an unfinished file wait for. */
  add(record: FileRecord, waits: readonly StepWait[]): void {
    const state = stateOf(record);
    if (state !== FileState.FAILED) this.#refused(record);
    if (state === FileState.UPLOADED || state === FileState.REMOVED) this.#counts.delivered++;
    else if (state === FileState.VANISHED) this.#counts.vanished++;
    else if (state === FileState.SKIPPED) this.#skipped(record);
    else if (state === FileState.FAILED) this.#failed(record);
    else if (hasLocalCopy(record)) this.#safe(record);
    else this.#expose(record, waits);
  }

  #skipped({ skipped, source }: FileRecord): void {
    if (skipped?.startsWith(ASKED) && source.state === 'present') this.#counts.asked++;
  }

  #failed(record: FileRecord): void {
    this.#counts.failed++;
    if (!hasLocalCopy(record) && record.source.state === 'present') this.#failedOn.add(record.device);
  }

  /** Another target still waits for it. */
  #refused(record: FileRecord): void {
    for (const target of failedTargets(record))
      this.#refusals.set(target, (this.#refusals.get(target) ?? 0) + 1);
  }

  #safe(record: FileRecord): void {
    this.#counts.safe++;
    for (const target of openTargets(record)) this.#targets.add(target);
  }

  #expose({ id, device, size }: FileRecord, waits: readonly StepWait[]): void {
    const { files, bytes, blocked } = this.#exposed.get(device) ?? { files: 0, bytes: 0, blocked: false };
    const isBlocked = waits.some(({ stage, code }) => isBeforeDelivery(stage) && code !== 'queue');
    this.#exposedIds.add(id);
    this.#exposed.set(device, {
      files: files + 1,
      bytes: bytes + (this.#moving.has(id) ? 0 : size),
      blocked: blocked || isBlocked,
    });
  }
}
