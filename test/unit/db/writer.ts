import { writeSync } from 'node:fs';
import { openStore } from '../../../src/db/store.js';
import { systemClock } from '../../../src/system/clock.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

// A process of its own that changes a database until it is killed. Each change that is confirmed to be durable is written
// to standard output as `put ID SIZE`, `archive ID SIZE` or `source DEVICE SIZE`; sizes rise.

const path = process.argv[2];
if (path === undefined) throw new Error('usage: writer.ts DATABASE');
const store = await openStore(path, { clock: systemClock, logger: new RecordingLogger(), compactAfter: 7 });
const first = Math.max(0, ...[...store.all()].map(record => record.size));

await Promise.all([...[0, 1, 2, 3].map(change), archive(), scan()]);

async function change(lane: number): Promise<void> {
  for (let size = first + 1; ; size++) {
    const record = fileRecord(4 * (size % 50) + lane, { size });
    await store.put(record);
    writeSync(1, `put ${record.id} ${size}\n`);
    store.note({ ...record, reason: 'noted' }, size % 2 === 0 ? 'soon' : undefined);
  }
}

async function archive(): Promise<void> {
  for (let size = first + 1; ; size++) {
    const record = fileRecord(1000 + (size % 50), { size });
    await store.put(record);
    await store.archive([record.id]);
    writeSync(1, `archive ${record.id} ${size}\n`);
  }
}

async function scan(): Promise<void> {
  for (let size = first + 1; ; size++) {
    await store.putSource({ device: 'autopilot', scannedAt: size });
    writeSync(1, `source autopilot ${size}\n`);
  }
}
