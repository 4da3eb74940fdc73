import { databaseApi } from '../fakes/database-api.js';
import { systemClock } from '../../src/system/clock.js';
import { exposeEngine } from '../../src/ros/node.js';
import { RELIABLE, LATCHED, type Message, type MessageType, type ServiceType } from '../../src/ros/graph.js';
import { MemoryGraph, MemoryNetwork } from '../fakes/memory-graph.js';
import { makeBench, type BenchOptions } from '../unit/engine/bench.js';

export interface NodeBenchOptions extends BenchOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The graph that the node joins instead of `/d1`; it has no other nodes. */
  readonly graph?: MemoryGraph;
}

/** The node over an engine on fakes, in a graph within the process, and another node that observes it. */
export async function makeNodeBench(options: NodeBenchOptions = {}) {
  const bench = await makeBench(options);
  const network = new MemoryNetwork();
  const { parameters = {} } = options;
  const graph = options.graph ?? new MemoryGraph({ network, namespace: '/d1', parameters });
  const peer = new MemoryGraph({ network, name: 'peer' });
  const api = databaseApi(bench.engine.records, bench.engine);
  const parts = { ...bench, graph, api, clock: systemClock, interval: 5, hostname: 'pi' };
  const exposed = exposeEngine(parts);
  return {
    ...bench,
    graph,
    /** Everything that is heard on a topic from now on. */
    hear<M extends Message>(type: MessageType<M>, topic: string, latched = false): M[] {
      const heard: M[] = [];
      peer.subscribe(type, topic, latched ? LATCHED : { ...RELIABLE, depth: 100 }, message =>
        heard.push(message),
      );
      return heard;
    },
    call<Request extends Message, Response extends Message>(
      type: ServiceType<Request, Response>,
      name: string,
      request: Request,
    ): Promise<Response> {
      const signal = new AbortController().signal;
      return peer.client(type, `/d1/filesync/${name}`).call(request, { timeout: 10_000, signal });
    },
    async close() {
      exposed.close();
      await Promise.all([graph.shutdown(), peer.shutdown(), bench.engine.stop()]);
      await bench.remove();
    },
  };
}

export type NodeBench = Awaited<ReturnType<typeof makeNodeBench>>;

export async function onNode(
  options: NodeBenchOptions,
  test: (bench: NodeBench) => Promise<void>,
): Promise<void> {
  const bench = await makeNodeBench(options);
  try {
    await test(bench);
  } finally {
    await bench.close();
  }
}
