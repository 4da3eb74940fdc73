import { MemoryGraph, MemoryNetwork } from '../fakes/memory-graph.js';
import { defineSuite } from '../conformance/support.js';
import { graphCases, type GraphBench } from './graph-conformance.js';

async function setup(): Promise<GraphBench> {
  const network = new MemoryNetwork();
  const given = { speed: 7 };
  const graph = new MemoryGraph({ network, name: 'node', namespace: '/ns', parameters: given });
  const peer = new MemoryGraph({ network, name: 'peer' });
  return {
    graph,
    peer,
    given,
    set: async (name, value) => graph.setParameter(name, value),
    close: async () => void (await Promise.all([graph.shutdown(), peer.shutdown()])),
  };
}

defineSuite('Graph within the process', graphCases, setup, {});
