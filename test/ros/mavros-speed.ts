import { register } from 'node:module';
import { filter, firstValueFrom } from 'rxjs';
import type { Source, SourceFile } from '../../src/ports.js';
import type { Client, Graph, Message } from '../../src/ros/graph.js';
import { ftpTypes, type ReadRequest } from '../../src/ros/mavros/interfaces.js';
import { systemClock } from '../../src/system/clock.js';
import { listed } from '../conformance/support.js';
import { mavrosSource } from './mavros-bench.js';

// A process that measures both transports of the `mavros` device through one MAVROS; ROS must be sourced. In turn it reads
// `large.ulg` over an endpoint, and `small.ulg` by the services and by a bare loop of the same `read` calls. Prints a Speeds as a
// line of JSON.

export interface Measured {
  readonly bytes: number;
  readonly ms: number;
  /** User and system, of the whole process. */
  readonly cpuMs: number;
}

export interface Speeds {
  readonly services: readonly Measured[];
  readonly bare: readonly Measured[];
  readonly endpoint: readonly Measured[];
  /** Bytes of heap that a call leaves behind. */
  readonly leakPerCall: number;
}

const ROUNDS = 3;
const CALLS = 20_000;
const LIMIT = 60_000;

register('./installed-rclnodejs.js', import.meta.url);
const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');
const { loadRclnodejs } = await import('../../src/ros/rclnodejs.js');

const clock = systemClock;
const never = new AbortController().signal;
const join = (name: string) => RclnodejsGraph.join({ name, rosArguments: [], env: process.env, clock });

async function measured(work: () => Promise<number>): Promise<Measured> {
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  const bytes = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { bytes, ms: performance.now() - begun, cpuMs: (user + system) / 1000 };
}

async function drained(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const { length } of chunks) bytes += length;
  return bytes;
}

/** The graph, which keeps what is asked of the service `read`. */
function noting(graph: Graph, reads: ReadRequest[]): Graph {
  const note = <Request extends Message, Answer extends Message>(client: Client<Request, Answer>) => ({
    call: (request: Request, options: Parameters<typeof client.call>[1]) => {
      reads.push(request as unknown as ReadRequest);
      return client.call(request, options);
    },
    close: () => client.close(),
  });
  const client: Graph['client'] = (type, name) =>
    name.endsWith('/ftp/read') ? note(graph.client(type, name)) : graph.client(type, name);
  return Object.assign(Object.create(graph) as Graph, { client, subscribe: graph.subscribe.bind(graph) });
}

/** Calls without anything of ours in between. */
async function bareCalls() {
  const rcl = await loadRclnodejs(process.env);
  const context = new rcl.Context();
  await rcl.init(context, ['bare']);
  const node = new rcl.Node('bare', '', context, {});
  const of = (service: keyof typeof ftpTypes) =>
    node.createClient(ftpTypes[service].name, `/mavros/ftp/${service}`);
  const [open, read, close] = [of('open'), of('read'), of('close')];
  node.spin(10);
  const call = (client: typeof open, request: object) =>
    client.sendRequestAsync(request, { signal: never }) as Promise<{
      success: boolean;
      data: Uint8Array;
    }>;
  return {
    open: async (file_path: string) => {
      await call(close, { file_path });
      await call(open, { file_path, mode: 0 });
    },
    read: async (request: ReadRequest) => (await call(read, request)).data.length,
    close: (file_path: string) => call(close, { file_path }),
    end: () => rcl.shutdown(context),
  };
}

async function there(source: Source): Promise<void> {
  await Promise.race([
    firstValueFrom(source.availability.pipe(filter(({ available }) => available))),
    clock.sleep(LIMIT).then(() => {
      throw new Error('the vehicle was not seen');
    }),
  ]);
}

async function fileNamed(source: Source, name: string): Promise<SourceFile> {
  const file = (await listed(source)).find(({ path }) => path === name);
  if (!file) throw new Error(`${name} is not on the vehicle`);
  return file;
}

/** A source that has seen its vehicle. */
async function sourceOn(on: Graph, transport: string): Promise<Source> {
  const source = await mavrosSource(on, { transport, root: '/log' });
  source.availability.subscribe();
  await there(source);
  return source;
}

/** All in turn, so that what else the machine does disturbs them alike. */
async function compared(graph: Graph): Promise<Omit<Speeds, 'leakPerCall'>> {
  const reads: ReadRequest[] = [];
  const [endpoint, services] = [
    await sourceOn(graph, 'endpoint'),
    await sourceOn(noting(graph, reads), 'services'),
  ];
  const [large, small] = [await fileNamed(endpoint, 'large.ulg'), await fileNamed(services, 'small.ulg')];
  const bare = await bareCalls();
  const speeds = { endpoint: [] as Measured[], services: [] as Measured[], bare: [] as Measured[] };
  for (let round = 0; round < ROUNDS; round++) {
    speeds.endpoint.push(await measured(() => drained(endpoint.read(large, 0, never))));
    reads.splice(0);
    speeds.services.push(await measured(() => drained(services.read(small, 0, never))));
    const asked = reads.splice(0);
    await bare.open('/log/small.ulg');
    speeds.bare.push(await measured(() => repeated(asked, bare.read)));
    await bare.close('/log/small.ulg');
  }
  await Promise.all([endpoint.close(), services.close()]);
  bare.end();
  return speeds;
}

async function repeated(
  asked: readonly ReadRequest[],
  read: (request: ReadRequest) => Promise<number>,
): Promise<number> {
  let bytes = 0;
  for (const request of asked) bytes += await read(request);
  return bytes;
}

const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

async function leakPerCall(graph: Graph): Promise<number> {
  const type = { name: 'std_srvs/srv/Trigger', failed: () => ({}) };
  const server = graph.serve(type, '/echo', () => ({ success: true, message: '' }));
  const client = graph.client(type, '/echo');
  const call = () => client.call({}, { timeout: LIMIT, signal: never });
  for (let calls = 0; calls < CALLS / 10; calls++) await call();
  const before = heap();
  for (let calls = 0; calls < CALLS; calls++) await call();
  const left = heap() - before;
  client.close();
  server.close();
  return left / CALLS;
}

const graph = await join('filesync');
const speeds = await compared(graph);
console.log(JSON.stringify({ ...speeds, leakPerCall: await leakPerCall(graph) } satisfies Speeds));
await graph.shutdown();
process.exit(0);
