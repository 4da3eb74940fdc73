import { mkdir } from 'node:fs/promises';
import { register } from 'node:module';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import type { Graph } from '../../src/ros/graph.js';
import { mavrosDevice } from '../../src/ros/mavros/device.js';
import { systemClock } from '../../src/system/clock.js';
import { handOn } from '../conformance/hand-on.js';
import { sourceConformance, type SourceBench } from '../conformance/source.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { deviceContext } from '../fakes/device-context.js';
import { StandInMavros } from '../fakes/stand-in-mavros.js';

// The suite of a source over the services transport, on rclnodejs. mavros-ros.test.ts runs it in a process with ROS sourced.

register('./installed-rclnodejs.js', import.meta.url);
const clock = systemClock;

async function joined(name: string): Promise<Graph> {
  const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');
  return RclnodejsGraph.join({ name, rosArguments: [], env: process.env, clock });
}

const home = await temporaryFolder();
const [graph, mavros] = [await joined('filesync'), await joined('mavros')];
const standIn = new StandInMavros({ graph: mavros, clock, folder: home.path });
const device = mavrosDevice(graph, { clock, quietAtStart: 0 });
let benches = 0;

/** Every bench has a folder of its own on the one vehicle. */
async function setup(): Promise<SourceBench> {
  const name = `log${++benches}`;
  const root = join(home.path, name);
  await mkdir(root);
  const options = device.options.parse({ root: `/${name}`, transport: 'services' });
  const source = await device.source?.(options, deviceContext());
  if (!source) throw new Error('no source');
  await firstValueFrom(source.availability.pipe(filter(({ available }) => available)));
  return {
    source,
    big: 60_000,
    ...handOn(root),
    close: async () => {
      await source.close();
      if (standIn.death !== undefined) throw new Error(`MAVROS was killed: ${standIn.death}`);
    },
  };
}

sourceConformance('mavros, services on rclnodejs', setup);

after(async () => {
  await standIn.close();
  await Promise.all([graph.shutdown(), mavros.shutdown()]);
  await home.remove();
});
