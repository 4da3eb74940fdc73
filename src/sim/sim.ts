import { FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { Autopilot, type Sim } from './autopilot.js';
import { Folder } from './folder.js';
import { UNIMPAIRED, type Impairments } from './impairment.js';
import { DEFAULT_SYSTEM, Network, type Address } from './network.js';
import { PERSONALITIES, type Personality } from './personality.js';

export type { Sim, SimStats } from './autopilot.js';

export interface SimOptions extends Partial<Impairments> {
  /** The vehicle's root directory; nothing outside is served or written. */
  readonly folder: string;
  /** Port 0 selects a free one. */
  readonly listen: Address;
  /** Gets heartbeats from the start, without having sent a frame. */
  readonly to?: Address;
  /** MAVLink system id; default 1. */
  readonly system?: number;
  /** The autopilot whose behaviour is simulated, or a custom behaviour. */
  readonly like: keyof typeof PERSONALITIES | Personality;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Starts a simulated autopilot. Throws `config` if the folder, the port or a number cannot be used. */
export async function startSim(options: SimOptions): Promise<Sim> {
  const impairments = { ...UNIMPAIRED, ...options };
  checkNumbers(impairments);
  const folder = await Folder.at(options.folder, options.clock);
  const { listen, to, like, clock, logger, system = DEFAULT_SYSTEM } = options;
  const network = await Network.open({ listen, system, impairments, clock, logger });
  const personality = typeof like === 'string' ? PERSONALITIES[like] : like;
  return new Autopilot(network, folder, personality, { to, clock, logger });
}

function checkNumbers(impairments: Impairments): void {
  for (const name of ['loss', 'dup', 'reorder'] as const) {
    const share = impairments[name];
    if (!(share >= 0 && share <= 1)) throw bad(name, share, 'a share from 0 to 1, such as 0.1');
  }
  const { delay, rate, seed } = impairments;
  if (!(delay >= 0 && delay < Infinity)) throw bad('delay', delay, 'milliseconds, such as 25');
  if (!(rate > 0)) throw bad('rate', rate, 'bytes per second above 0, such as 50000');
  if (!Number.isInteger(seed)) throw bad('seed', seed, 'a whole number');
}

const bad = (name: string, value: number, remedy: string) =>
  new FileSyncError('config', `${name} ${value} cannot be used: set ${remedy}`);
