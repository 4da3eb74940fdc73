import { FileSyncError } from '../errors.js';
import { presentedAs } from '../sim/card.js';
import { startReplay, startSim, type SimLinkOptions, type Sim } from '../sim/sim.js';
import { untilAborted } from '../system/deadline.js';
import { defineCommand, logging } from './command.js';
import { loggerFor } from './setup.js';
import { signalExitCode } from './shell.js';

const share = (describe: string) => ({ type: 'number' as const, default: 0, requiresArg: true, describe });

export const sim = defineCommand({
  endsCleanly: true,
  options: {
    replay: {
      type: 'string',
      requiresArg: true,
      describe: 'instead of a folder: the vehicle of a trace (written by FILESYNC_TRACE=mavlink:FILE)',
    },
    listen: {
      type: 'string',
      default: '127.0.0.1:14580',
      requiresArg: true,
      describe: 'HOST:PORT on which it listens',
    },
    to: {
      type: 'string',
      default: '127.0.0.1:14540',
      requiresArg: true,
      describe: 'HOST:PORT to which it sends heartbeats',
    },
    like: {
      choices: ['px4', 'ardupilot'] as const,
      default: 'px4' as const,
      describe: 'firmware whose behaviour it has',
    },
    loss: share('share of packets lost, 0..1, each way'),
    delay: { type: 'number', default: 0, requiresArg: true, describe: 'one-way delay in ms' },
    rate: {
      type: 'number',
      requiresArg: true,
      describe: 'bytes per second of the link, each way (default: no limit)',
    },
    dup: share('share of packets that arrive twice, 0..1'),
    reorder: share('share of packets that arrive out of order, 0..1'),
    seed: {
      type: 'number',
      default: 1,
      requiresArg: true,
      describe: 'the same seed causes the same losses, copies and delays',
    },
    ...logging,
  },
  build: yargs => yargs.positional('dir', { type: 'string', describe: DIR }),
  async run(args, shell) {
    const { like, loss, delay, rate, dup, reorder, seed } = args;
    const vehicle = vehicleOf(args['dir'] as string | undefined, args.replay);
    const ends = { listen: address('--listen', args.listen), to: address('--to', args.to) };
    const shape = { loss, delay, dup, reorder, seed, ...(rate !== undefined && { rate }) };
    const logger = loggerFor(shell, args.logLevel);
    const link = { ...ends, ...shape, clock: shell.clock, logger };
    const { running, lines } = await ('trace' in vehicle
      ? replay(vehicle.trace, link)
      : present(vehicle.folder, like, link));
    shell.onUserSignal(() => running.toggleArmed());
    const { host, port } = running.address;
    const who = 'trace' in vehicle ? 'recorded' : like;
    shell.print(
      `${who} autopilot at udp://${host}:${port}, heartbeats to ${args.to}; SIGUSR1 arms and disarms, Ctrl-C ends`,
    );
    for (const line of lines) shell.print(line);
    await untilAborted(shell.stopped);
    await running.close();
    return signalExitCode(shell.stopped);
  },
});

const DIR = 'folder that it serves: its SD card if the folder of the logs is in it, else its logs';

function vehicleOf(
  folder: string | undefined,
  trace: string | undefined,
): { folder: string } | { trace: string } {
  if (folder !== undefined && trace === undefined) return { folder };
  if (folder === undefined && trace !== undefined) return { trace };
  throw new FileSyncError('config', 'name either a folder or --replay FILE');
}

interface Started {
  readonly running: Sim;
  /** What is to be seen on it. */
  readonly lines: readonly string[];
}

async function present(folder: string, like: 'px4' | 'ardupilot', link: SimLinkOptions): Promise<Started> {
  const { at, logs } = await presentedAs(folder, like);
  const running = await startSim({ ...link, folder, at, like });
  const root = at === logs ? [] : [`${logs} is its folder of logs (root: ${logs})`];
  return { running, lines: [`${at} is ${folder}`, ...root] };
}

async function replay(trace: string, link: SimLinkOptions): Promise<Started> {
  const running = await startReplay({ ...link, trace });
  return { running, lines: [`it answers what ${trace} holds, and nothing else`] };
}

function address(option: string, text: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host !== undefined && Number(port) < 65536) return { host, port: Number(port) };
  throw new FileSyncError('config', `${option} ${text}: must be HOST:PORT, such as 127.0.0.1:14580`);
}
