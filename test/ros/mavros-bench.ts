import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Source } from '../../src/ports.js';
import type { Graph } from '../../src/ros/graph.js';
import { mavrosDevice, type MavrosTools } from '../../src/ros/mavros/device.js';
import { startSim, type Sim } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import { handOn } from '../conformance/hand-on.js';
import { connected } from '../conformance/mavlink-bench.js';
import type { SourceBench } from '../conformance/source.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { deviceContext } from '../fakes/device-context.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { StandInMavros, type StandInOptions } from '../fakes/stand-in-mavros.js';
import { StandInRouter } from '../fakes/stand-in-router.js';
import { MemoryGraph, MemoryNetwork } from '../fakes/memory-graph.js';

/** A `mavros` device and the stand-in that it uses. Its root is `/log` there. */
export interface MavrosBench extends SourceBench {
  /** That the device is on. */
  readonly graph: Graph;
  readonly standIn: StandInMavros;
  readonly logger: RecordingLogger;
  /** The vehicle's `/`. */
  readonly card: string;
  readonly router: StandInRouter;
  /** The vehicle behind the router. */
  readonly sim: Sim;
}

export interface MavrosBenchOptions extends Pick<Partial<StandInOptions>, 'fault'> {
  readonly clock?: Clock;
  readonly transport?: string;
  /** A MAVROS without a router. */
  readonly routerless?: boolean;
}

/** The device, as the configuration would make it. */
export async function mavrosSource(
  graph: Graph,
  options: Record<string, unknown>,
  how: Partial<MavrosTools> & { readonly logger?: RecordingLogger } = {},
): Promise<Source> {
  const { clock = systemClock, logger = new RecordingLogger() } = how;
  const device = mavrosDevice(graph, { clock, ...how });
  const source = await device.source?.(device.options.parse(options), deviceContext({ clock, logger }));
  if (!source) throw new Error('no source');
  return source;
}

/** All in one process. */
export async function mavrosBench(options: MavrosBenchOptions = {}): Promise<MavrosBench> {
  const { clock = systemClock, transport = 'services', fault } = options;
  const home = await temporaryFolder();
  const root = join(home.path, 'log');
  await mkdir(root);
  const logger = new RecordingLogger();
  const network = new MemoryNetwork();
  const graph = new MemoryGraph({ network, name: 'filesync', clock });
  const standIn = new StandInMavros({
    graph: new MemoryGraph({ network, name: 'mavros', clock }),
    clock,
    folder: home.path,
    ...(fault && { fault }),
  });
  const listen = { host: '127.0.0.1', port: 0 };
  const sim = await startSim({ folder: home.path, listen, like: 'px4', clock: systemClock, logger });
  const aside = options.routerless === true ? new MemoryNetwork() : network;
  const router = new StandInRouter(
    new MemoryGraph({ network: aside, name: 'mavros_router', clock }),
    sim.address.port,
  );
  const how = { clock, logger, quietAtStart: 0, grace: 50 };
  const source = await mavrosSource(graph, { root: '/log', transport }, how);
  if (transport === 'endpoint') await connected(source, sim);
  return {
    source,
    graph,
    standIn,
    router,
    sim,
    logger,
    card: home.path,
    big: 60_000,
    ...handOn(root),
    close: async () => {
      await source.close();
      await standIn.close();
      await router.close();
      await sim.close();
      await home.remove();
    },
  };
}
