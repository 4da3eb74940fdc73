import { localName } from '../local/names.js';
import type { FileRecord, Store } from '../ports.js';

/** Gives each new file a name of its own in local storage; names that differ only in case count as the same. */
export class LocalNames {
  readonly #taken = new Set<string>();

  constructor(store: Store) {
    const take = (record: FileRecord) => this.#taken.add(record.local.toLowerCase());
    for (const record of store.all()) take(record);
    store.changes.subscribe(({ record }) => record && take(record));
  }

  choose(device: string, path: string, id: string): string {
    return localName(device, path, candidate => this.#taken.has(candidate.toLowerCase()), id);
  }
}
