import assert from 'node:assert/strict';
import type { FileRecord } from '../../src/ports.js';
import { systemClock } from '../../src/system/clock.js';
import { MemoryStore } from './memory-store.js';

/** ms from a change to the disk. */
const LATE_MS = 20;
/** ms from a note that is to be written soon to the disk. */
const SOON_MS = 900;

/** A store whose changes are seen at once and are on disk later, or not at all, as the real one's are. */
export class LateStore extends MemoryStore {
  readonly onDisk = new Map<string, FileRecord>();
  /** Records that are newer in memory than what is on its way to the disk. */
  readonly #noted = new Map<string, FileRecord>();
  readonly #closing = new AbortController();

  override async put(record: FileRecord): Promise<void> {
    const visible = super.put(record);
    this.#noted.delete(record.id);
    await visible;
    await systemClock.sleep(LATE_MS);
    this.onDisk.set(record.id, record);
  }

  override note(record: FileRecord, soon?: 'soon'): void {
    super.note(record, soon);
    this.#noted.set(record.id, record);
    if (soon) void this.#writeSoon(record.id);
  }

  override async delete(id: string): Promise<void> {
    const visible = super.delete(id);
    this.#noted.delete(id);
    await visible;
    await systemClock.sleep(LATE_MS);
    this.onDisk.delete(id);
  }

  override async close(): Promise<void> {
    this.#closing.abort();
    await super.close();
    for (const id of this.#noted.keys()) this.#writeNote(id);
  }

  assertDelivered(): void {
    const open = [...this.onDisk.values()].filter(record => !isDelivered(record));
    assert.ok(this.onDisk.size > 0 && open.length === 0, 'deleted before the disk knew of the delivery');
  }

  async #writeSoon(id: string): Promise<void> {
    await systemClock.sleep(SOON_MS, this.#closing.signal).catch(() => undefined);
    this.#writeNote(id);
  }

  #writeNote(id: string): void {
    const record = this.#noted.get(id);
    this.#noted.delete(id);
    if (record) this.onDisk.set(id, record);
  }
}

function isDelivered({ targets, delivered }: FileRecord): boolean {
  return delivered !== undefined && Object.values(targets).every(delivery => delivery.state === 'done');
}
