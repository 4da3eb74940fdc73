import type { FileRecord } from '../ports.js';

/** With more different strings, most of them are not shared. */
const MAX_SHARED_STRINGS = 1000;

type Writable<Value> = { -readonly [Key in keyof Value]: Writable<Value[Key]> };

/**
 * Strings that many records have in common. A parser makes a new one for each record: keeping only one saves a tenth of the memory.
 */
export class SharedStrings {
  readonly #known = new Map<string, string>();

  /** Replaces common strings of a record by those of earlier records. The record must not be shared yet. */
  replaceIn(record: FileRecord): void {
    const fresh: Writable<FileRecord> = record;
    const { local, targets, former = {} } = fresh;
    fresh.device = this.#shared(fresh.device);
    fresh.description = this.#shared(fresh.description);
    // The path on a target is usually the local one.
    for (const delivery of [...Object.values(targets), ...Object.values(former)])
      if (delivery.path === local) delivery.path = local;
    if (fresh.delivered) fresh.delivered.boot = this.#shared(fresh.delivered.boot);
    if ('checkpoint' in fresh.copy && fresh.copy.checkpoint)
      fresh.copy.checkpoint.boot = this.#shared(fresh.copy.checkpoint.boot);
    if (fresh.reason !== undefined) fresh.reason = this.#shared(fresh.reason);
    if (fresh.skipped !== undefined) fresh.skipped = this.#shared(fresh.skipped);
  }

  #shared(text: string): string {
    const known = this.#known.get(text);
    if (known === undefined && this.#known.size < MAX_SHARED_STRINGS) this.#known.set(text, text);
    return known ?? text;
  }
}
