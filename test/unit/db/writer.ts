import { writeSync } from 'node:fs';
import { openStore } from '../../../src/db/store.js';
import { systemClock } from '../../../src/system/clock.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

// A process of its own that changes a database until it is killed. Each size that is confirmed to be durable is told
// on standard output as `<id> <size>`.

const path = process.argv[2];
if (path === undefined) throw new Error('usage: writer.ts DATABASE');
const store = await openStore(path, { clock: systemClock, logger: new RecordingLogger(), compactAfter: 7 });
const first = Math.max(0, ...[...store.all()].map(record => record.size));

await Promise.all([0, 1, 2, 3].map(change));

async function change(lane: number): Promise<void> {
  for (let size = first + 1; ; size++) {
    const record = fileRecord(4 * (size % 50) + lane, { size });
    await store.put(record);
    writeSync(1, `${record.id} ${size}\n`);
  }
}
