import type { FileRecord } from '../ports.js';

/** Texts that are remembered at most. More of them are no common ones. */
const MAX_KNOWN = 1000;

type Writable<Value> = { -readonly [Key in keyof Value]: Writable<Value[Key]> };

/**
 * Strings that many records have in common. A parser makes a new one for each record: kept once, they are a tenth less of
 * memory.
 */
export class SharedStrings {
  readonly #known = new Map<string, string>();

  /** Replaces the common strings of a record that nobody else has seen yet by those of earlier records. */
  replaceIn(record: FileRecord): void {
    const fresh: Writable<FileRecord> = record;
    const { local, targets } = fresh;
    fresh.device = this.#shared(fresh.device);
    fresh.description = this.#shared(fresh.description);
    // The name on a target is the local one as a rule.
    for (const target in targets) {
      const delivery = targets[target];
      if (delivery?.path === local) delivery.path = local;
    }
    if (fresh.delivered) fresh.delivered.boot = this.#shared(fresh.delivered.boot);
    if ('checkpoint' in fresh.copy && fresh.copy.checkpoint)
      fresh.copy.checkpoint.boot = this.#shared(fresh.copy.checkpoint.boot);
    if (fresh.reason !== undefined) fresh.reason = this.#shared(fresh.reason);
    if (fresh.skipped !== undefined) fresh.skipped = this.#shared(fresh.skipped);
  }

  #shared(text: string): string {
    const known = this.#known.get(text);
    if (known === undefined && this.#known.size < MAX_KNOWN) this.#known.set(text, text);
    return known ?? text;
  }
}
