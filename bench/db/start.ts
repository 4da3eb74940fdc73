import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openStore } from '../../src/db/store.js';
import { systemClock } from '../../src/system/clock.js';

// A process of its own that opens a database, and writes to standard output what that cost.

export interface Start {
  readonly startMs: number;
  /** How long the event loop was held at most meanwhile. */
  readonly heldMs: number;
  /** Memory of the whole process once the database is open. */
  readonly megabytes: number;
  readonly archiveMs: number;
}

const path = process.argv[2];
if (path === undefined) throw new Error('usage: start.ts DATABASE');
const logger = { log: () => undefined, child: () => logger };

const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const start = performance.now();
const store = await openStore(path, { clock: systemClock, logger });
const startMs = performance.now() - start;
delays.disable();
const megabytes = process.memoryUsage().rss / 1e6;

const archiveStart = performance.now();
let archived = 0;
for await (const record of store.archived()) archived += Math.sign(record.size);
const archiveMs = archived === 0 ? 0 : performance.now() - archiveStart;
await store.close();

const result: Start = { startMs, heldMs: delays.max / 1e6, megabytes, archiveMs };
console.log(JSON.stringify(result));
