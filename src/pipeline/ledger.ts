import type { Clock, FileRecord, Store } from '../ports.js';

/** Changes to records that always start from what the store holds now. */
export class Ledger {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get(id: string): FileRecord | undefined {
    return this.#store.get(id);
  }

  /** Resolves when all that the record says now is on disk, and gives it as it is then. */
  async confirmed(id: string): Promise<FileRecord | undefined> {
    const record = this.#store.get(id);
    if (record) await this.#store.put(record);
    return this.#store.get(id);
  }

  /** Resolves when the change is on disk. A record that was forgotten meanwhile stays forgotten (undefined). */
  async update(id: string, change: (record: FileRecord) => FileRecord): Promise<FileRecord | undefined> {
    const record = this.#store.get(id);
    if (!record) return undefined;
    const changed = { ...change(record), updatedAt: this.#clock.now() };
    await this.#store.put(changed);
    return changed;
  }
}
