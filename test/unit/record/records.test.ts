import assert from 'node:assert/strict';
import { FileSyncError } from '../../../src/errors.js';
import { Records } from '../../../src/record/records.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

describe('Records', () => {
  const record = fileRecord(1, { targets: { ftp: { state: 'pending' } } });
  const { id, device, path } = record;

  it('log each event at level debug, with the state before and after', async () => {
    const logger = new RecordingLogger();
    const records = new Records(new MemoryStore(), new VirtualClock(), logger);
    records.apply(id, { type: 'Found', record });
    records.apply(id, { type: 'FetchBegan', local: record.local });
    await records.commit(id, { type: 'Hashed', local: record.local, sha256: 'a'.repeat(64) });
    records.apply(id, { type: 'Fetched' });
    records.apply(id, { type: 'DeliveryBegan', target: 'ftp', path });
    records.apply(id, { type: 'FetchFailed', reason: 'too late', outcome: 'retry' });
    records.apply(id, { type: 'Gone', asOf: -1 });
    records.apply('f'.repeat(12), { type: 'Fetched' });
    const file = `${id} ${device}:${path}`;
    assert.deepEqual(logger.messages(), [
      `${file}: Found: none -> FOUND`,
      `${file}: FetchBegan: FOUND -> DOWNLOADING`,
      `${file}: Hashed: DOWNLOADING -> DOWNLOADING`,
      `${file}: Fetched: DOWNLOADING -> DOWNLOADED`,
      `${file}: DeliveryBegan (ftp): DOWNLOADED -> UPLOADING`,
      `${file}: FetchFailed: UPLOADING -> UPLOADING (unchanged)`,
      `${file}: Gone: UPLOADING -> UPLOADING (unchanged)`,
      `${'f'.repeat(12)}: Fetched: none -> none (unchanged)`,
    ]);
    assert.deepEqual(logger.messages('debug'), logger.messages());
  });

  it('report what the database cannot take as an error of our own disk', async () => {
    class Full extends MemoryStore {
      override put(): Promise<void> {
        return Promise.reject(new FileSyncError('no-space', 'the disk is full'));
      }
    }
    const records = new Records(new Full([record]), new VirtualClock());
    const isLocal = (error: FileSyncError) => error.origin === 'local';
    await assert.rejects(records.commit(id, { type: 'FetchBegan', local: 'a' }), isLocal);
    await assert.rejects(records.flush(id), isLocal);
  });
});
