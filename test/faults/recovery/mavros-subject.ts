import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deviceTypes } from '../../../src/devices/registry.js';
import { withMavros } from '../../../src/ros/mavros/device.js';
import { startSim } from '../../../src/sim/sim.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { MemoryGraph, MemoryNetwork } from '../../fakes/memory-graph.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { StandInMavros, type Fault, type FtpService } from '../../fakes/stand-in-mavros.js';
import { StandInRouter } from '../../fakes/stand-in-router.js';
import { FastClock } from './fast-clock.js';
import type { Link, LinkTrouble } from './link.js';
import { putInto, SIZE, type Subject } from './subject.js';
import { UdpLink } from './udp-link.js';

/** Calls of `read` after which a transfer is under way. */
const UNDER_WAY_READS = 2;

/** What befalls the services of MAVROS, and the link behind them. */
class MavrosLink implements Link {
  mavros: StandInMavros | undefined;
  struck = 0;
  #trouble: LinkTrouble | undefined;
  #reads = 0;

  async begin(trouble: LinkTrouble): Promise<void> {
    this.#trouble = trouble;
    this.#reads = 0;
    if (trouble === 'refused') this.#stop();
    if (trouble === 'wrong answer' && this.mavros) this.mavros.readsEmpty = true;
  }

  /** There are no connections. */
  drop(): void {}

  async lift(): Promise<void> {
    const wasStopped = this.#trouble === 'refused';
    this.#trouble = undefined;
    if (this.mavros) this.mavros.readsEmpty = false;
    if (wasStopped) this.mavros?.start();
  }

  fault(service: FtpService): Fault {
    if (service === 'read') this.#reads++;
    const fault = this.#faultOf(service, this.#reads > UNDER_WAY_READS);
    if (fault !== 'none') this.struck++;
    return fault;
  }

  #faultOf(service: FtpService, isUnderWay: boolean): Fault {
    switch (this.#trouble) {
      case 'stall':
        return 'mute';
      case 'half-open':
        return isUnderWay ? 'lost-request' : 'none';
      case 'dripping':
        return 'slow';
      case 'cut at each tenth':
        return isUnderWay && this.#reads % UNDER_WAY_READS === 0 ? 'lost-reply' : 'none';
      case 'wrong answer':
        if (service === 'read') this.struck++;
        return 'none';
      case 'restart mid-transfer':
        if (!isUnderWay) return 'none';
        this.#trouble = 'refused';
        this.#stop();
        return 'mute';
      default:
        return 'none';
    }
  }

  #stop(): void {
    this.struck++;
    this.mavros?.stop();
  }
}

/** MAVROS' services, or an endpoint of its router, with a stand-in of MAVROS on a simulated vehicle. */
export async function mavros(transport: 'services' | 'endpoint'): Promise<Subject> {
  const home = await temporaryFolder();
  const root = join(home.path, 'log');
  await mkdir(root);
  const clock = new FastClock();
  const network = new MemoryNetwork();
  const graphOf = (name: string) => new MemoryGraph({ network, name, clock });
  const calls = new MavrosLink();
  const fault = (service: FtpService) => calls.fault(service);
  const standIn = new StandInMavros({ graph: graphOf('mavros'), clock, folder: home.path, fault });
  calls.mavros = standIn;
  const listen = { host: '127.0.0.1', port: 0 };
  const logger = new RecordingLogger();
  const sim = await startSim({ folder: home.path, listen, like: 'px4', clock, logger });
  const packets = new UdpLink();
  const router = new StandInRouter(graphOf('mavros_router'), await packets.open(sim.address));
  return {
    ...{ end: 'source', size: SIZE, link: transport === 'services' ? calls : packets },
    options: { type: 'mavros', root: '/log', transport },
    deviceTypes: withMavros(deviceTypes, graphOf('filesync'), { clock, quietAtStart: 0 }),
    put: (path, bytes) => putInto(root, path, bytes),
    close: async () => {
      await standIn.close();
      await router.close();
      await packets.close();
      await sim.close();
      await home.remove();
    },
  };
}
