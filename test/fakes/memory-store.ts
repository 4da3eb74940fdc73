import { ChangeFeed, describeChange } from '../../src/db/change-feed.js';
import { FileSyncError } from '../../src/errors.js';
import type { FileRecord, SourceRecord, Store } from '../../src/ports.js';

/** A store that forgets everything when it goes. */
export class MemoryStore implements Store {
  readonly #records = new Map<string, FileRecord>();
  readonly #archived = new Map<string, FileRecord>();
  readonly #sources = new Map<string, SourceRecord>();
  readonly #feed = new ChangeFeed();
  readonly changes = this.#feed.changes;
  /** How often a record was archived. */
  #archivals = 0;
  #closed = false;

  constructor(records: Iterable<FileRecord> = []) {
    for (const record of records) this.#records.set(record.id, record);
  }

  /** A store that holds what this one does, as if it had been closed and opened again. */
  reopened(): MemoryStore {
    const store = new MemoryStore(this.all());
    for (const [id, record] of this.#archived) store.#archived.set(id, record);
    store.#archivals = this.#archivals;
    for (const [device, source] of this.#sources) store.#sources.set(device, source);
    return store;
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

  source(device: string): SourceRecord | undefined {
    return this.#sources.get(device);
  }

  async put(record: FileRecord): Promise<void> {
    this.#set(record);
  }

  note(record: FileRecord, _soon?: 'soon'): void {
    this.#set(record);
  }

  async delete(id: string): Promise<void> {
    this.#checkOpen();
    const previous = this.get(id);
    this.#records.delete(id);
    this.#feed.emit(describeChange(id, undefined, previous));
  }

  async putSource(source: SourceRecord): Promise<void> {
    this.#checkOpen();
    this.#sources.set(source.device, source);
  }

  async archive(ids: readonly string[]): Promise<void> {
    this.#checkOpen();
    for (const id of ids) {
      const record = this.get(id);
      if (!record) continue;
      this.#archived.delete(id);
      this.#archived.set(id, record);
      this.#archivals += 1;
      await this.delete(id);
    }
  }

  async archiveSize(): Promise<number> {
    return this.#archivals;
  }

  async *archived(): AsyncGenerator<FileRecord> {
    for (const [id, record] of this.#archived) if (!this.#records.has(id)) yield record;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed.complete();
  }

  #set(record: FileRecord): void {
    this.#checkOpen();
    const previous = this.get(record.id);
    this.#records.set(record.id, record);
    this.#feed.emit(describeChange(record.id, record, previous));
  }

  #checkOpen(): void {
    if (this.#closed) throw new FileSyncError('internal', 'the database is closed');
  }
}
