import { setImmediate as othersRun } from 'node:timers/promises';
import { FileSyncError } from '../errors.js';
import type { Edit, FileEvent } from '../record/events.js';
import type { Records } from '../record/records.js';
import { FileState, type Clock, type FileRecord } from '../ports.js';
import type { Grouping } from '../units/grouping.js';
import { Repair } from '../verify/repair.js';
import {
  cancelRefusal,
  CANCELLED,
  evictRefusal,
  fetchRefusal,
  firstRefusal,
  refusalOf,
  retryRefusal,
} from './edit.js';
import type { EditResult, Repairs, Selection } from './schema.js';
import type { FileChange } from './schema-files.js';

/** A long list of ids keeps all other work of the program waiting at most that long at a time. */
const MAX_BLOCKED_MS = 20;

type Refusal = EditResult['refused'][number];
/** Why something may not be asked of a file; undefined if it may. */
type Refusing = (record: FileRecord) => string | undefined;

export interface RecordEditsParts {
  readonly records: Records;
  readonly clock: Clock;
  /** The folder with the local copies. */
  readonly local: string;
  /** Which files go together. */
  readonly grouping?: Grouping | undefined;
  /** Whether a rule delivers to that device. */
  readonly isTarget: (device: string) => boolean;
}

/** What people may ask of files: by events alone, what follows is the engine's work. */
export class RecordEdits {
  readonly #records: Records;
  readonly #parts: RecordEditsParts;

  constructor(parts: RecordEditsParts) {
    this.#parts = parts;
    this.#records = parts.records;
  }

  /** The only record whose id begins with `id`, or why there is none. */
  recordOf(id: string): FileRecord | string {
    const exact = this.#records.get(id);
    if (exact) return exact;
    const alike = id === '' ? [] : [...this.#records.all()].filter(record => record.id.startsWith(id));
    if (alike[0] && alike.length === 1) return alike[0];
    return alike.length === 0
      ? 'no such file; `filesync files` lists them'
      : `${alike.length} ids begin with that; use more digits`;
  }

  /** The record after the edit, or why the edit is refused, which changes nothing. */
  async edit(id: string, edit: Edit, isTarget = this.#parts.isTarget): Promise<FileRecord | string> {
    const record = this.recordOf(id);
    const refusal = typeof record === 'string' ? record : refusalOf(record, edit, isTarget);
    if (refusal !== undefined || typeof record === 'string') return refusal ?? '';
    return (await this.#records.commit(record.id, { type: 'Edited', edit })) ?? 'it has just been forgotten';
  }

  /** Rejects with `not-found` if there is no such file. */
  change(id: string, { state, description, targets }: FileChange): Promise<EditResult> {
    const edit: Edit = {
      ...(state !== undefined && { state: FileState[state] }),
      ...(description !== undefined && { description }),
      ...(targets !== undefined && { targets: [...new Set(targets)] }),
    };
    return this.#one(id, async record => {
      const result = await this.edit(record.id, edit);
      return typeof result === 'string' ? result : undefined;
    });
  }

  /** Rejects with `not-found` if there is no such file. */
  evict(id: string): Promise<EditResult> {
    return this.#one(
      id,
      this.#change(evictRefusal, () => ({ type: 'CopyUnwanted' })),
    );
  }

  async retry(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => retryRefusal(record) === undefined, retryRefusal);
    return this.#edit(
      ids,
      this.#change(retryRefusal, () => ({ type: 'Retried' })),
    );
  }

  async cancel(which: Selection): Promise<EditResult> {
    const edit: Edit = { state: FileState.FAILED, reason: CANCELLED };
    const ids = this.#selected(which, record => cancelRefusal(record) === undefined, cancelRefusal);
    return this.#edit(
      ids,
      this.#change(cancelRefusal, () => ({ type: 'Edited', edit })),
    );
  }

  async first(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => firstRefusal(record) === undefined, firstRefusal);
    let first =
      1 + ids.length + [...this.#records.all()].reduce((most, one) => Math.max(most, one.first ?? 0), 0);
    return this.#edit(
      ids,
      this.#change(firstRefusal, () => ({ type: 'Prioritised', first: first-- })),
    );
  }

  async fetch(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => fetchRefusal(record) === undefined, fetchRefusal);
    return this.#edit(
      ids,
      this.#change(fetchRefusal, () => ({ type: 'Asked' })),
    );
  }

  async forget(which: Selection): Promise<EditResult> {
    if ('all' in which)
      throw new FileSyncError('config', 'forget needs ids: without its records a source is sent again');
    return this.#edit(which.ids, async record => {
      await this.#records.forget(record.id);
      return undefined;
    });
  }

  async repair({ copies, deliveries }: Repairs): Promise<EditResult> {
    const repair = new Repair(this.#records, this.#parts.local);
    const ofCopies = await this.#edit(copies, record => repair.copy(record));
    const results = [ofCopies];
    for (const { id, target, reason } of deliveries)
      results.push(await this.#edit([id], record => repair.delivery(record, target, reason)));
    return {
      changed: [...new Set(results.flatMap(({ changed }) => changed))],
      refused: results.flatMap(({ refused }) => refused),
    };
  }

  /** What is asked of one file of a unit concerns the others as well, where it can be done. */
  #selected(
    which: Selection,
    isMeant: (record: FileRecord) => boolean,
    refusal: Refusing,
  ): readonly string[] {
    if ('ids' in which) return this.#withUnits(which.ids, refusal);
    return [...this.#records.all()].filter(isMeant).map(({ id }) => id);
  }

  #withUnits(ids: readonly string[], refusal: Refusing): readonly string[] {
    const { grouping } = this.#parts;
    const named = ids.map(id => {
      const record = this.recordOf(id);
      return typeof record === 'string' ? id : record.id;
    });
    const all = grouping?.withUnits(named, () => this.#records.all()) ?? named;
    const others = all.slice(named.length).filter(id => {
      const record = this.#records.get(id);
      return record !== undefined && refusal(record) === undefined;
    });
    return [...ids, ...others];
  }

  /** Commits the event unless that is refused. */
  #change(refusal: Refusing, event: () => FileEvent): (record: FileRecord) => Promise<string | undefined> {
    return async record => {
      const reason = refusal(record);
      if (reason === undefined) await this.#records.commit(record.id, event());
      return reason;
    };
  }

  async #one(id: string, change: (record: FileRecord) => Promise<string | undefined>): Promise<EditResult> {
    const record = this.recordOf(id);
    if (typeof record === 'string') throw new FileSyncError('not-found', `${id}: ${record}`);
    return this.#edit([record.id], change);
  }

  /** `change` returns why it refuses, or undefined when it is done. */
  async #edit(
    ids: readonly string[],
    change: (record: FileRecord) => Promise<string | undefined>,
  ): Promise<EditResult> {
    const changed: string[] = [];
    const refused: Refusal[] = [];
    let looked = this.#parts.clock.monotonic();
    for (const id of ids) {
      if (this.#parts.clock.monotonic() - looked > MAX_BLOCKED_MS) {
        await othersRun();
        looked = this.#parts.clock.monotonic();
      }
      const record = this.recordOf(id);
      const reason = typeof record === 'string' ? record : await change(record);
      if (reason !== undefined) refused.push({ id, reason });
      else if (typeof record !== 'string') changed.push(record.id);
    }
    return { changed, refused };
  }
}
