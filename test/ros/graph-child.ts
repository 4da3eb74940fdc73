import { register } from 'node:module';
import type { ServiceType } from '../../src/ros/graph.js';
import { systemClock } from '../../src/system/clock.js';
import { graphCases, type GraphBench } from './graph-conformance.js';

// Runs the graph's suite on rclnodejs; prints a line `{ title, error? }` of JSON for each case. ROS must be sourced.

register('./installed-rclnodejs.js', import.meta.url);
const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');

interface SetParameters {
  readonly results: readonly { readonly successful: boolean; readonly reason: string }[];
}
const setParameters: ServiceType<object, SetParameters> = {
  name: 'rcl_interfaces/srv/SetParameters',
  failed: () => ({}),
};

const STRING = 4;
const INTEGER = 2;
const toValue = (value: string | number) =>
  typeof value === 'string'
    ? { type: STRING, string_value: value }
    : { type: INTEGER, integer_value: BigInt(value) };

const join = (name: string, rosArguments: readonly string[]) =>
  RclnodejsGraph.join({ name, rosArguments, env: process.env, clock: systemClock });

async function setup(): Promise<GraphBench> {
  const graph = await join('given_name', ['-r', '__node:=node', '-r', '__ns:=/ns', '-p', 'speed:=7.0']);
  const peer = await join('peer', []);
  return {
    graph,
    peer,
    given: { speed: 7 },
    async set(name, value) {
      const client = peer.client(setParameters, '/ns/node/set_parameters');
      const options = { timeout: 20_000, signal: new AbortController().signal };
      const { results } = await client.call({ parameters: [{ name, value: toValue(value) }] }, options);
      return results[0]?.successful ? undefined : results[0]?.reason;
    },
    close: async () => void (await Promise.all([graph.shutdown(), peer.shutdown()])),
  };
}

for (const [title, run] of Object.entries(graphCases)) {
  const bench = await setup();
  const error = await run(bench).then(
    () => undefined,
    (thrown: unknown) => (thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)),
  );
  await bench.close();
  console.log(JSON.stringify({ title, error }));
}
process.exit(0);
