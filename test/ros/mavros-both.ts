import { createHash } from 'node:crypto';
import { register } from 'node:module';
import { filter, firstValueFrom } from 'rxjs';
import type { Source, SourceFile } from '../../src/ports.js';
import { systemClock } from '../../src/system/clock.js';
import { collect } from '../conformance/support.js';
import { mavrosSource } from './mavros-bench.js';

// A process that reads through one MAVROS both ways at once: the first of the files in its argument over an endpoint, and the
// other one by the services, again and again until that is done. Prints a Both as a line of JSON. ROS must be sourced.

export interface Both {
  /** SHA-256. */
  readonly endpoint: string;
  readonly services: readonly string[];
}

register('./installed-rclnodejs.js', import.meta.url);
const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');

const [large, small] = JSON.parse(process.argv[2] ?? '[]') as [SourceFile, SourceFile];
const options = { name: 'filesync', rosArguments: [], env: process.env, clock: systemClock };
const graph = await RclnodejsGraph.join(options);
const sourceBy = (transport: string) => mavrosSource(graph, { root: '/log', transport });
const [endpoint, services] = [await sourceBy('endpoint'), await sourceBy('services')];

async function hashOf(source: Source, file: SourceFile): Promise<string> {
  const bytes = await collect(source.read(file, 0, new AbortController().signal));
  return createHash('sha256').update(bytes).digest('hex');
}

const watching = [endpoint, services].map(({ availability }) => availability.subscribe());
for (const { availability } of [endpoint, services])
  await firstValueFrom(availability.pipe(filter(({ available }) => available)));
const hashes = [await hashOf(services, small)];
let done = false;
const whole = hashOf(endpoint, large).finally(() => (done = true));
while (!done) hashes.push(await hashOf(services, small));
console.log(JSON.stringify({ endpoint: await whole, services: hashes } satisfies Both));
for (const one of watching) one.unsubscribe();
await Promise.all([endpoint.close(), services.close()]);
await graph.shutdown();
process.exit(0);
