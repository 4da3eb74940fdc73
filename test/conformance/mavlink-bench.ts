import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import type { DeviceContext } from '../../src/config/definition.js';
import { mavlink } from '../../src/devices/mavlink.js';
import { FtpClient } from '../../src/mavlink/ftp-client.js';
import type { Source } from '../../src/ports.js';
import { startSim, type Sim, type SimOptions } from '../../src/sim/sim.js';
import { systemClock } from '../../src/system/clock.js';
import type { Address } from '../faults/fault.js';
import { deviceContext } from '../fakes/device-context.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { handOn } from './hand-on.js';
import type { SourceBench } from './source.js';
import { temporaryFolder } from './temp-folder.js';

/** A `mavlink` device on a simulated autopilot. Its root is `/log` there. */
export interface MavlinkBench extends SourceBench {
  readonly sim: Sim;
  readonly logger: RecordingLogger;
  /** The vehicle's `/`. */
  readonly card: string;
}

/** The device, as the configuration would make it. */
export async function mavlinkSource(
  options: Record<string, unknown>,
  logger = new RecordingLogger(),
  env: Readonly<Record<string, string>> = {},
  over: Partial<DeviceContext> = {},
): Promise<Source> {
  const context = deviceContext({ logger, env, ...over });
  const source = await mavlink.source?.(mavlink.options.parse(options), context);
  if (!source) throw new Error('no source');
  return source;
}

/** List requests of this process, without repetitions. */
let listRequests = 0;
export const listRequestsSoFar = (): number => listRequests;
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is applied to its object
const { list } = FtpClient.prototype;
FtpClient.prototype.list = function (...args) {
  listRequests++;
  return list.apply(this, args);
};

/** Waits until the vehicle is online, with heartbeats more often than each second. */
export async function connected(source: Source, sim: Sim): Promise<void> {
  const there = firstValueFrom(source.availability.pipe(filter(({ available }) => available)));
  let waiting = true;
  void there.finally(() => (waiting = false));
  while (waiting) {
    sim.arm(sim.armed);
    await systemClock.sleep(5);
  }
}

/** `through` opens a port in front of the autopilot. */
export async function mavlinkBench(
  how: Partial<SimOptions> = {},
  options: Record<string, unknown> = {},
  big = 60_000,
  through?: (to: Address) => Promise<number>,
): Promise<MavlinkBench> {
  const home = await temporaryFolder();
  const root = join(home.path, 'log');
  await mkdir(root);
  const logger = new RecordingLogger();
  const listen = { host: '127.0.0.1', port: 0 };
  const sim = await startSim({ folder: home.path, listen, like: 'px4', clock: systemClock, logger, ...how });
  const port = (await through?.(sim.address)) ?? sim.address.port;
  const url = `udp://127.0.0.1:0@127.0.0.1:${port}`;
  const local = join(home.path, 'local');
  const source = await mavlinkSource({ url, root: '/log', ...options }, logger, {}, { local });
  await connected(source, sim);
  return {
    source,
    sim,
    logger,
    card: home.path,
    big,
    ...handOn(root),
    close: async () => {
      await source.close();
      await sim.close();
      await home.remove();
    },
  };
}

const DOCKED = [1, 2, 3, 4, 5, 6, 7, 8];
const DOCKED_UNDER_TEST = 3;

/** One of eight vehicles that send to one port, each of which is its own device. */
export async function dockBench(): Promise<MavlinkBench> {
  const port = await freePort();
  const home = await temporaryFolder();
  const logger = new RecordingLogger();
  const dock = await Promise.all(
    DOCKED.map(async system => {
      const card = join(home.path, String(system));
      await mkdir(join(card, 'log'), { recursive: true });
      const url = `udp://127.0.0.1:${port}@`;
      const source = await mavlinkSource({ url, root: '/log', target_system: system }, logger);
      const ports = { listen: { host: '127.0.0.1', port: 0 }, to: { host: '127.0.0.1', port } };
      const sim = await startSim({ folder: card, ...ports, system, like: 'px4', clock: systemClock, logger });
      return { system, card, source, sim };
    }),
  );
  await Promise.all(dock.map(({ source, sim }) => connected(source, sim)));
  const tested = dock.find(({ system }) => system === DOCKED_UNDER_TEST);
  if (!tested) throw new Error('the vehicle under test is not in the dock');
  const { source, sim, card } = tested;
  return {
    ...{ source, sim, logger, card, big: 60_000 },
    ...handOn(join(card, 'log')),
    close: async () => {
      for (const one of dock) await one.source.close();
      for (const one of dock) await one.sim.close();
      await home.remove();
    },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(resolve));
  return port;
}
