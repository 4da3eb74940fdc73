import { ChangeFeed, describeChange } from '../../src/db/change-feed.js';
import { FileSyncError } from '../../src/errors.js';
import type { FileRecord, Store } from '../../src/ports.js';

/** A store that forgets everything when it goes. */
export class MemoryStore implements Store {
  readonly #records = new Map<string, FileRecord>();
  readonly #feed = new ChangeFeed();
  readonly changes = this.#feed.changes;
  #closed = false;

  constructor(records: Iterable<FileRecord> = []) {
    for (const record of records) this.#records.set(record.id, record);
  }

  get(id: string): FileRecord | undefined {
    return this.#records.get(id);
  }

  all(): Iterable<FileRecord> {
    return { [Symbol.iterator]: () => this.#records.values() };
  }

  versions(device: string, path: string): readonly FileRecord[] {
    return [...this.all()].filter(record => record.device === device && record.path === path);
  }

  async put(record: FileRecord): Promise<void> {
    this.#checkOpen();
    const previous = this.get(record.id);
    this.#records.set(record.id, record);
    this.#feed.emit(describeChange(record.id, record, previous));
  }

  async delete(id: string): Promise<void> {
    this.#checkOpen();
    const previous = this.get(id);
    this.#records.delete(id);
    this.#feed.emit(describeChange(id, undefined, previous));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed.complete();
  }

  #checkOpen(): void {
    if (this.#closed) throw new FileSyncError('internal', 'the database is closed');
  }
}
