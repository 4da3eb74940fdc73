import type { FileRecord } from '../ports.js';

/** Takes one change back. Changes are taken back in reverse order. */
export type Undo = () => void;

/** The records in memory, in the order in which they were added, with an index by device and path. */
export class RecordTable {
  #byId = new Map<string, FileRecord>();
  /** Rises with every record that is added. */
  readonly #order = new Map<string, number>();
  #nextOrder = 0;
  /** Whether `#byId` goes by `#order`: a deletion that is taken back disturbs it. */
  #inOrder = true;
  /** By device, then path. */
  readonly #versions = new Map<string, Map<string, readonly FileRecord[]>>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): FileRecord | undefined {
    return this.#byId.get(id);
  }

  /** May be iterated while the records change: it gives each record as it is when its turn comes. */
  all(): Iterable<FileRecord> {
    return { [Symbol.iterator]: () => this.#ordered().values() };
  }

  versions(device: string, path: string): readonly FileRecord[] {
    return this.#versions.get(device)?.get(path) ?? [];
  }

  set(record: FileRecord): Undo {
    const before = this.#byId.get(record.id);
    const order = this.#order.get(record.id) ?? this.#nextOrder++;
    if (before) this.#unindex(before);
    this.#insert(record, order);
    return () => {
      this.#remove(record);
      if (before) this.#reinsert(before, order);
    };
  }

  delete(id: string): Undo {
    const before = this.#byId.get(id);
    const order = this.#order.get(id);
    if (!before || order === undefined) return () => undefined;
    this.#remove(before);
    return () => this.#reinsert(before, order);
  }

  #insert(record: FileRecord, order: number): void {
    this.#byId.set(record.id, record);
    this.#order.set(record.id, order);
    const paths = this.#versions.get(record.device) ?? new Map<string, readonly FileRecord[]>();
    const others = paths.get(record.path);
    paths.set(record.path, others ? [...others, record].sort(this.#byOrder) : [record]);
    this.#versions.set(record.device, paths);
  }

  #reinsert(record: FileRecord, order: number): void {
    this.#insert(record, order);
    this.#inOrder = false;
  }

  #remove(record: FileRecord): void {
    this.#byId.delete(record.id);
    this.#order.delete(record.id);
    this.#unindex(record);
  }

  #unindex({ id, device, path }: FileRecord): void {
    const paths = this.#versions.get(device);
    const others = paths?.get(path)?.filter(other => other.id !== id) ?? [];
    if (others.length > 0) paths?.set(path, others);
    else paths?.delete(path);
  }

  #ordered(): ReadonlyMap<string, FileRecord> {
    if (this.#inOrder) return this.#byId;
    this.#byId = new Map([...this.#byId].sort(([, a], [, b]) => this.#byOrder(a, b)));
    this.#inOrder = true;
    return this.#byId;
  }

  readonly #byOrder = (a: FileRecord, b: FileRecord) =>
    (this.#order.get(a.id) ?? 0) - (this.#order.get(b.id) ?? 0);
}
