import { randomUUID } from 'node:crypto';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { makeMessage, type Message } from '../notify/message.js';
import { transportOf, type Transport } from '../notify/transport.js';
import { wrapped } from './columns.js';
import { common, defineCommand } from './command.js';
import { configFor, loggerFor } from './setup.js';
import { ExitCode, type Shell } from './shell.js';

export const notify = defineCommand({
  options: {
    config: common.config,
    json: common.json,
    test: {
      type: 'boolean' as const,
      default: false,
      describe: 'send a test message to every receiver, and print what each answers',
    },
    'log-level': { ...common.logLevel, default: 'error' as const },
    'log-format': common.logFormat,
  },
  async run(args, shell) {
    if (!args.test)
      throw new FileSyncError('config', 'say what to do: `filesync notify --test` sends a test message');
    const config = await configFor(shell, args.config);
    if (config.notify.length === 0)
      throw new FileSyncError(
        'config',
        `${config.file} names no receiver: add the key notify (docs/guides/notifications.md has examples)`,
      );
    const services = { ...shell, folder: config.folder, logger: loggerFor(shell, args.logLevel) };
    const message = testMessage(shell);
    const sending = config.notify.map(entry => tried(transportOf(entry, services), message, shell.stopped));
    const results = await Promise.all(sending);
    if (args.json) shell.print(JSON.stringify(results));
    else for (const line of wrapped(results.map(rowOf), shell.outputColumns)) shell.print(line);
    return results.every(({ ok }) => ok) ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

interface Result {
  readonly to: string;
  readonly ok: boolean;
  /** The receiver's answer, or why there is none. */
  readonly message: string;
}

function testMessage({ clock, hostname }: Shell): Message {
  const times = { now: clock.now(), up: clock.monotonic() };
  return makeMessage([{ kind: 'test' }], { id: randomUUID(), hostname, dropped: 0, ...times });
}

/** One attempt: a person is there to read why it failed. */
async function tried(transport: Transport, message: Message, signal: AbortSignal): Promise<Result> {
  const { to } = transport;
  try {
    return { to, ok: true, message: await transport.send(message, signal) };
  } catch (thrown) {
    return { to, ok: false, message: toFileSyncError(thrown).message };
  }
}

const rowOf = ({ to, ok, message }: Result): string[] => [ok ? 'ok' : 'FAIL', to, message];
