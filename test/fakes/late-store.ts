import assert from 'node:assert/strict';
import { stateName } from '../../src/pipeline/state-name.js';
import type { FileRecord } from '../../src/ports.js';
import { systemClock } from '../../src/system/clock.js';
import { MemoryStore } from './memory-store.js';

/** A store whose changes are seen at once and are on disk later, as the real one's are. */
export class LateStore extends MemoryStore {
  readonly onDisk = new Map<string, FileRecord>();

  override async put(record: FileRecord): Promise<void> {
    await super.put(record);
    await systemClock.sleep(20);
    this.onDisk.set(record.id, record);
  }

  assertDelivered(): void {
    const states = [...this.onDisk.values()].map(({ state }) => stateName(state));
    assert.deepEqual(states, ['UPLOADED'], 'deleted before the disk knew of the delivery');
  }
}
