import { FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { Signing } from '../mavlink/signing.js';
import { Autopilot, type Sim } from './autopilot.js';
import { Folder } from './folder.js';
import { MavlinkFtpServer } from './ftp-server.js';
import { UNIMPAIRED, type Impairments } from './impairment.js';
import { AUTOPILOT_IDS, Network, type Address, type MavlinkIds } from './network.js';
import { PERSONALITIES, type Personality } from './personality.js';
import { Recording } from './recording.js';
import { ReplayServer } from './replay-server.js';
import { readTrace } from './trace.js';

export type { Sim, SimStats } from './autopilot.js';

export interface SimLinkOptions extends Partial<Impairments> {
  /** Port 0 selects a free one. */
  readonly listen: Address;
  /** Gets heartbeats from the start, without having sent a frame. */
  readonly to?: Address;
  /** MAVLink system id; default 1. */
  readonly system?: number;
  /** 32 bytes: everything is signed, and unsigned frames are ignored. */
  readonly signingKey?: Uint8Array;
  /** Only the first frame of a datagram is read, as by some bridges to a radio. */
  readonly firstFrameOnly?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SimOptions extends SimLinkOptions {
  /** Nothing outside of it is served or written. */
  readonly folder: string;
  /** The vehicle's path of the folder, which is `/` as well. */
  readonly at?: string;
  /** The autopilot whose behaviour is simulated, or a custom behaviour. */
  readonly like: keyof typeof PERSONALITIES | Personality;
}

/** Starts a simulated autopilot. Throws `config` if the folder, the port or a number cannot be used. */
export async function startSim(options: SimOptions): Promise<Sim> {
  const { at, like, clock, logger } = options;
  checkNumbers(options);
  const folder = await Folder.at(options.folder, clock, at);
  const network = await openNetwork(options);
  const personality = typeof like === 'string' ? PERSONALITIES[like] : like;
  const { heartbeat, burst, replies, commands } = personality;
  const server = new MavlinkFtpServer(folder, personality, clock, logger);
  return new Autopilot(network, server, {
    ...options,
    to: options.to,
    heartbeat,
    burstInterval: burst.interval,
    toAllComponents: replies.toAllComponents,
    extras: { folder, commands },
  });
}

/** Starts the vehicle of a trace. Throws `config` if the trace, the port or a number cannot be used. */
export async function startReplay(options: SimLinkOptions & { readonly trace: string }): Promise<Sim> {
  const { trace, clock, logger } = options;
  checkNumbers(options);
  const recording = new Recording(await readTrace(trace));
  const { vehicle } = recording;
  if (!vehicle)
    throw new FileSyncError('config', `${trace} holds no heartbeat of an autopilot: record a longer trace`);
  const network = await openNetwork(options, vehicle);
  const server = new ReplayServer(recording, clock, logger);
  return new Autopilot(network, server, { ...options, to: options.to, heartbeat: vehicle, burstInterval: 0 });
}

function openNetwork(options: SimLinkOptions, recorded?: MavlinkIds): Promise<Network> {
  const { listen, clock, logger, signingKey: key, system = AUTOPILOT_IDS.system, firstFrameOnly } = options;
  const impairments = { ...UNIMPAIRED, ...options };
  const signing = key && new Signing({ key, linkId: 0, clock });
  const ids = recorded ?? { ...AUTOPILOT_IDS, system };
  return Network.open({ listen, impairments, clock, logger, ids, signing, firstFrameOnly });
}

function checkNumbers(options: Partial<Impairments>): void {
  const impairments = { ...UNIMPAIRED, ...options };
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
