import { createHash } from 'node:crypto';
import { register } from 'node:module';
import { filter, firstValueFrom } from 'rxjs';
import { toFileSyncError } from '../../src/errors.js';
import { systemClock } from '../../src/system/clock.js';
import { collect, listed } from '../conformance/support.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { mavrosSource } from './mavros-bench.js';

// A process with one `mavros` device on rclnodejs, whose options are its argument. Fetches every file that the device lists,
// says `begun` when the first bytes have come, and at the end prints a Report as a line of JSON. ROS must be sourced.

export interface Report {
  /** SHA-256 by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Kind and words of what went wrong. */
  readonly error?: { readonly kind: string; readonly message: string };
  /** What was logged. */
  readonly log: readonly string[];
}

/** ms to wait for the vehicle. */
const LIMIT = 60_000;
const TRIES = 10;
const PASSING = ['unavailable', 'timeout', 'busy'];

register('./installed-rclnodejs.js', import.meta.url);
const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');

const graph = await RclnodejsGraph.join({
  name: 'filesync',
  rosArguments: [],
  env: process.env,
  clock: systemClock,
});
const logger = new RecordingLogger();
const source = await mavrosSource(graph, JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>, {
  logger,
});
const watching = source.availability.subscribe();
const never = new AbortController().signal;

async function* telling(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begun = false;
  for await (const chunk of bytes) {
    if (!begun) console.log('begun');
    begun = true;
    yield chunk;
  }
}

async function fetchAll(): Promise<Report> {
  const files: Record<string, string> = {};
  try {
    for (const file of await listed(source)) {
      const bytes = await collect(telling(source.read(file, 0, never)));
      files[file.path] = createHash('sha256').update(bytes).digest('hex');
    }
    return { files, log: logger.messages() };
  } catch (thrown) {
    const { kind, message } = toFileSyncError(thrown);
    return { files, error: { kind, message }, log: logger.messages() };
  }
}

const there = source.availability.pipe(filter(({ available }) => available));
const patience = () => systemClock.sleep(LIMIT).then(() => undefined);

/** Begins again after temporary errors, as the program's retry loop does. */
async function insist(): Promise<Report> {
  for (let tries = 1; ; tries++) {
    await Promise.race([firstValueFrom(there), patience()]);
    const report = await fetchAll();
    if (tries === TRIES || !PASSING.includes(report.error?.kind ?? '')) return report;
    await systemClock.sleep(1_000);
  }
}

console.log(JSON.stringify(await insist()));
watching.unsubscribe();
await source.close();
await graph.shutdown();
process.exit(0);
