import type { FileRecord, SourceRecord, Store } from '../ports.js';
import type { Archive } from './archive.js';
import type { Snapshot } from './snapshot-format.js';

/** What can be read of a database: its contents in memory, and its archive. */
export class Contents implements Pick<
  Store,
  'get' | 'all' | 'versions' | 'source' | 'archived' | 'archiveSize'
> {
  readonly #content: Snapshot;
  readonly #archive: Archive;

  constructor(content: Snapshot, archive: Archive) {
    this.#content = content;
    this.#archive = archive;
  }

  get(id: string): FileRecord | undefined {
    return this.#content.table.get(id);
  }

  all(): Iterable<FileRecord> {
    return this.#content.table.all();
  }

  versions(device: string, path: string): readonly FileRecord[] {
    return this.#content.table.versions(device, path);
  }

  source(device: string): SourceRecord | undefined {
    return this.#content.sources.get(device);
  }

  archived(): AsyncIterable<FileRecord> {
    return { [Symbol.asyncIterator]: () => this.#archive.records(id => this.get(id) !== undefined) };
  }

  archiveSize(): Promise<number> {
    return this.#archive.size();
  }
}
