import type { FileRecord } from '../ports.js';

/** Rolls back one change, with later delayed writes of its record. Changes are rolled back in reverse order. */
export type Undo = () => void;

/** A path usually has one record: an array for each would cost as much memory as the index itself. */
type Versions = FileRecord | readonly FileRecord[];

/** The records in memory, in the order in which they were added, with an index by device and path. */
export class RecordTable {
  #byId = new Map<string, FileRecord>();
  /** Increases with every record that is added. */
  readonly #order = new Map<string, number>();
  #nextOrder = 0;
  /** Whether `#byId` is in `#order`: a deletion that is rolled back changes that. */
  #inOrder = true;
  /** By device, then path. */
  readonly #versions = new Map<string, Map<string, Versions>>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): FileRecord | undefined {
    return this.#byId.get(id);
  }

  /** May be iterated while the records change: returns each record as it is at that time. */
  all(): Iterable<FileRecord> {
    return { [Symbol.iterator]: () => this.#ordered().values() };
  }

  versions(device: string, path: string): readonly FileRecord[] {
    return listOf(this.#versions.get(device)?.get(path));
  }

  /** As `set`, without a roll-back. */
  add(record: FileRecord): void {
    this.#place(record, this.#order.get(record.id) ?? this.#nextOrder++);
  }

  set(record: FileRecord): Undo {
    const undo = this.#undo(record.id);
    this.add(record);
    return undo;
  }

  delete(id: string): Undo {
    const undo = this.#undo(id);
    this.#remove(id);
    return undo;
  }

  /** Restores the record as it is now. */
  #undo(id: string): Undo {
    const record = this.#byId.get(id);
    const order = this.#order.get(id);
    if (!record || order === undefined) return () => this.#remove(id);
    return () => this.#place(record, order);
  }

  /** Makes it the record of its id, at its position in the order. */
  #place(record: FileRecord, order: number): void {
    const { id } = record;
    const before = this.#byId.get(id);
    if (before && this.#order.get(id) === order) return this.#replace(before, record);
    if (before) this.#remove(id);
    this.#inOrder &&= order === this.#nextOrder - 1;
    this.#byId.set(id, record);
    this.#order.set(id, order);
    this.#index(record);
  }

  #replace(before: FileRecord, record: FileRecord): void {
    const paths = this.#versions.get(before.device);
    const alone = paths?.get(before.path) === before;
    const moved = before.device !== record.device || before.path !== record.path;
    this.#byId.set(record.id, record);
    if (alone && !moved) return void paths.set(record.path, record);
    this.#unindex(before);
    this.#index(record);
  }

  #remove(id: string): void {
    const record = this.#byId.get(id);
    if (record) this.#unindex(record);
    this.#byId.delete(id);
    this.#order.delete(id);
  }

  #index(record: FileRecord): void {
    const paths = this.#versions.get(record.device) ?? new Map<string, Versions>();
    const others = listOf(paths.get(record.path));
    paths.set(record.path, others.length > 0 ? [...others, record].sort(this.#byOrder) : record);
    this.#versions.set(record.device, paths);
  }

  #unindex({ id, device, path }: FileRecord): void {
    const paths = this.#versions.get(device);
    const others = listOf(paths?.get(path)).filter(other => other.id !== id);
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

function listOf(versions: Versions | undefined): readonly FileRecord[] {
  if (!versions) return [];
  return 'id' in versions ? [versions] : versions;
}
