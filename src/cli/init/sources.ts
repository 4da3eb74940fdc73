import type { Clock } from '../../ports.js';
import { toFileSyncError } from '../../errors.js';
import { ARDUPILOT_LOGS, PX4_LOGS, type SourceAnswer } from './answers.js';
import type { FoundDrive } from './drives.js';
import type { Heard, UdpPort } from './heartbeats.js';
import type { Choice, Prompt } from './prompt.js';
import { isInUse, listenOnSerial, serialPorts } from './serial-ports.js';

/** What is known without a question. */
export interface Found {
  readonly udp: readonly UdpPort[];
  readonly drives: readonly FoundDrive[];
  /** A ROS 2 is sourced. */
  readonly hasRos: boolean;
}

/** A source that can be chosen, and whether its vehicle was armed when it was heard. */
export interface Offer {
  readonly source: SourceAnswer;
  readonly armed: boolean;
}

const logsOf = ({ firmware }: Pick<Heard, 'firmware'>) =>
  firmware === 'ArduPilot' ? ARDUPILOT_LOGS : PX4_LOGS;

/** A source for each vehicle that was heard. */
export function vehicleOffers(udp: readonly UdpPort[]): readonly Offer[] {
  const all = udp.flatMap(({ port, heard }) => heard.map(one => ({ port, one, alone: heard.length === 1 })));
  return all.map(({ port, one, alone }, index) => {
    const target = alone ? {} : { target_system: one.system };
    return vehicle(one, `udp://0.0.0.0:${port}@`, `UDP port ${port}`, { number: index + 1, target });
  });
}

function vehicle(
  heard: Heard,
  url: string,
  where: string,
  { number = 1, target = {} }: { number?: number; target?: object } = {},
): Offer {
  const { root, include } = logsOf(heard);
  const source = {
    name: number === 1 ? 'autopilot' : `autopilot${number}`,
    comment: `${heard.firmware}, system ${heard.system}, heard on ${where}`,
    options: { type: 'mavlink', url, root, ...target },
    include,
  };
  return { source, armed: heard.armed };
}

export function driveOffer({ uuid, title, mountPoint }: FoundDrive, number = 1): Offer {
  const where =
    mountPoint === undefined
      ? 'not mounted; mount_point says where FileSync mounts it'
      : `mounted at ${mountPoint}`;
  const mounting = mountPoint === undefined ? { mount_point: `/mnt/filesync-${number}` } : {};
  const source = {
    name: number === 1 ? 'drive' : `drive${number}`,
    comment: `${title}, ${where}`,
    options: { type: 'disk', uuid, ...mounting },
    include: [],
  };
  return { source, armed: false };
}

type Way = { readonly offer: Offer } | 'serial' | 'mavros' | 'folder' | 'later';

/** Asks until there is a source. */
export async function askSource(prompt: Prompt, found: Found, tools: SerialTools): Promise<Offer> {
  for (;;) {
    const way = await prompt.choose('Where do the files come from?', waysOf(found, await tools.ports()));
    if (typeof way === 'object') return way.offer;
    const offer = await ASK[way](prompt, tools);
    if (offer) return offer;
  }
}

function waysOf({ udp, drives, hasRos }: Found, ports: readonly string[]): Choice<Way>[] {
  const offers = [...vehicleOffers(udp), ...drives.map((drive, index) => driveOffer(drive, index + 1))];
  const mavros = hasRos || udp.some(({ taken }) => taken);
  return [
    ...offers.map(offer => ({ value: { offer }, text: offer.source.comment })),
    ...(ports.length > 0 ? [{ value: 'serial' as const, text: 'an autopilot on a serial port' }] : []),
    ...(mavros ? [{ value: 'mavros' as const, text: 'an autopilot through MAVROS (ROS 2)' }] : []),
    { value: 'folder' as const, text: 'a folder of this computer' },
    { value: 'later' as const, text: 'an autopilot that is not on yet (UDP port 14540)' },
  ];
}

export interface SerialTools {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  ports(): Promise<readonly string[]>;
}

export const serialTools = (clock: Clock, signal: AbortSignal): SerialTools => ({
  clock,
  signal,
  ports: () => serialPorts(),
});

type Ask = (prompt: Prompt, tools: SerialTools) => Promise<Offer | undefined>;

const ASK: Readonly<Record<Exclude<Way, object>, Ask>> = {
  serial: askSerial,
  mavros: async prompt => {
    const problem = (text: string) =>
      /^(\/[A-Za-z_]\w*)+$/.test(text) ? undefined : 'a name such as /mavros';
    const namespace = await prompt.ask('Namespace of MAVROS', { otherwise: '/mavros', problem });
    const { root, include } = await askFirmware(prompt);
    const comment = 'through a running MAVROS; needs ROS 2: `filesync node`';
    const options = { type: 'mavros', namespace, root };
    return { source: { name: 'autopilot', comment, options, include }, armed: false };
  },
  folder: async prompt => {
    const path = await prompt.ask('Folder with the files');
    return {
      source: {
        name: 'folder',
        comment: 'a folder of this computer',
        options: { type: 'directory', path },
        include: [],
      },
      armed: false,
    };
  },
  later: async prompt => {
    const { root, include } = await askFirmware(prompt);
    const options = { type: 'mavlink', url: 'udp://0.0.0.0:14540@', root };
    const comment = 'an autopilot that sends its MAVLink to UDP port 14540 of this computer';
    return { source: { name: 'autopilot', comment, options, include }, armed: false };
  },
};

const askFirmware = (prompt: Prompt) =>
  prompt.choose('Which firmware?', [
    { value: PX4_LOGS, text: 'PX4' },
    { value: ARDUPILOT_LOGS, text: 'ArduPilot' },
  ]);

const CONSENT =
  'Opening a serial port may restart a board behind it, and takes bytes from a program that uses it. FileSync sends nothing.';

async function askSerial(prompt: Prompt, tools: SerialTools): Promise<Offer | undefined> {
  const ports = await tools.ports();
  const port = await prompt.choose(
    'Which port?',
    ports.map(value => ({ value, text: value })),
  );
  if (await isInUse(port))
    return void prompt.say(`  ${port} is in use by another program: end it, or choose another way`);
  prompt.say(CONSENT);
  if (!(await prompt.confirm(`Listen on ${port} for up to 8 s?`, false))) return undefined;
  try {
    const found = await listenOnSerial(port, tools);
    if (found)
      return vehicle(found.heard, `serial://${port}:${found.baudRate}`, `${port} at ${found.baudRate} baud`);
    prompt.say(
      '  no heartbeat at 57600, 115200 or 921600 baud; over USB, PX4 may wait until it is spoken to',
    );
  } catch (thrown) {
    prompt.say(`  ${toFileSyncError(thrown).message}`);
  }
  return undefined;
}
