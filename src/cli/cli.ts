import type { ArgumentsCamelCase } from 'yargs';
import manifest from '../../package.json' with { type: 'json' };
import type { Failure } from '../api/schema.js';
import { toFileSyncError } from '../errors.js';
import { untilAborted, wasCut, withinTime } from '../system/deadline.js';
import type { Command } from './command.js';
import { columnsOf, overview } from './help.js';
import { ExitCode, report, signalExitCode, type Shell } from './shell.js';

/** Time that a command without `endsCleanly` has after the first signal. */
const STOP_TIMEOUT_MS = 1_000;

/** Runs the command line; resolves to the exit code and never throws. With `--json`, an error is printed as `Failure`, too. */
export async function cli(shell: Shell): Promise<number> {
  // As the options name them, once they are parsed.
  const session = { shell, json: shell.argv.includes('--json') };
  try {
    const known = textFor(shell);
    if (known !== undefined) shell.print(known);
    if (known !== undefined) return shell.argv.length === 0 ? ExitCode.USAGE : ExitCode.DONE;
    const { parse } = await import('./arguments.js');
    const { args, text, command } = await parse(shell);
    if (text !== undefined) shell.print(text);
    if (!command) return ExitCode.DONE;
    session.shell = { ...shell, logFormat: { ...shell.logFormat, json: args['logFormat'] === 'json' } };
    session.json = args['json'] === true;
    return await runUntilStopped(command, args, session.shell);
  } catch (thrown) {
    if (wasCut(shell.stopped, thrown)) return signalExitCode(shell.stopped);
    const error = toFileSyncError(thrown);
    if (session.json) shell.print(JSON.stringify({ error: error.message } satisfies Failure));
    report(session.shell, 'error', error.message);
    return error.kind === 'config' ? ExitCode.USAGE : ExitCode.INCOMPLETE;
  }
}

/**
 * The help or the version of the whole program, if nothing else is asked for: the parser, which takes longer to load, is not
 * needed. A missing command is bad usage, but the name alone prints the help, as git does.
 */
function textFor({ argv, columns }: Shell): string | undefined {
  const [first = '--help', ...more] = argv;
  if (more.length > 0) return undefined;
  if (first === '--version') return manifest.version;
  return ['--help', '-h', 'help'].includes(first) ? overview(columnsOf({ columns })) : undefined;
}

/** Runs the command; ends after the first signal, even if the command hangs. */
async function runUntilStopped(command: Command, args: ArgumentsCamelCase, shell: Shell): Promise<number> {
  const { stopped, clock } = shell;
  const work = command.run(args, shell);
  const ended = await untilAborted(stopped, work);
  if (ended !== undefined) return ended;
  const ms = command.endsCleanly ? Infinity : STOP_TIMEOUT_MS;
  return (await withinTime(work, { ms, clock })) ?? signalExitCode(stopped);
}
