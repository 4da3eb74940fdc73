import { FileSyncError } from '../errors.js';
import { startSim } from '../sim/sim.js';
import { untilAborted } from '../system/deadline.js';
import { defineCommand, logging } from './command.js';
import { loggerFor } from './setup.js';
import { signalExitCode } from './shell.js';

const share = (describe: string) => ({ type: 'number' as const, default: 0, requiresArg: true, describe });

export const sim = defineCommand({
  endsCleanly: true,
  options: {
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
  build: yargs =>
    yargs.positional('dir', { type: 'string', demandOption: true, describe: 'folder that it serves' }),
  async run(args, shell) {
    const { like, loss, delay, rate, dup, reorder, seed } = args;
    const ends = { listen: address('--listen', args.listen), to: address('--to', args.to) };
    const shape = { like, loss, delay, dup, reorder, seed, ...(rate !== undefined && { rate }) };
    const logger = loggerFor(shell, args.logLevel);
    const running = await startSim({
      folder: args['dir'] as string,
      ...ends,
      ...shape,
      clock: shell.clock,
      logger,
    });
    shell.onUserSignal(() => running.toggleArmed());
    const { host, port } = running.address;
    shell.print(
      `${like} autopilot at udp://${host}:${port}, heartbeats to ${args.to}; SIGUSR1 arms and disarms, Ctrl-C ends`,
    );
    await untilAborted(shell.stopped);
    await running.close();
    return signalExitCode(shell.stopped);
  },
});

function address(option: string, text: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host !== undefined && Number(port) < 65536) return { host, port: Number(port) };
  throw new FileSyncError('config', `${option} ${text}: must be HOST:PORT, such as 127.0.0.1:14580`);
}
