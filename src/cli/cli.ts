import yargs, { type ArgumentsCamelCase, type Argv } from 'yargs';
import manifest from '../../package.json' with { type: 'json' };
import { FileSyncError, toFileSyncError } from '../errors.js';
import { splitArguments } from '../ros/arguments.js';
import { untilAborted, wasCut, withinTime } from '../system/deadline.js';
import type { Command } from './command.js';
import { commands, type ListedCommand } from './commands.js';
import { ExitCode, report, signalExitCode, type Shell } from './shell.js';

/** Time that a command without `endsCleanly` has after the first signal. */
const STOP_TIMEOUT_MS = 1_000;

/** The command that the user has named. */
interface Chosen {
  command?: Command;
}

/** Runs the command line; resolves to the exit code and never throws. */
export async function cli(shell: Shell): Promise<number> {
  // With the log format that the options name, once they are parsed.
  const session = { shell };
  try {
    const chosen: Chosen = {};
    const program = base(shell);
    for (const command of commands) add(program, command, chosen);
    let help = '';
    const args = await program.parseAsync(
      [...programArguments(shell.argv)],
      {},
      (_error: unknown, _args: unknown, text: string) => void (help = text),
    );
    if (help) shell.print(help);
    if (help || !chosen.command) return ExitCode.DONE;
    session.shell = { ...shell, logFormat: { ...shell.logFormat, json: args['logFormat'] === 'json' } };
    return await runUntilStopped(chosen.command, args, session.shell);
  } catch (thrown) {
    if (wasCut(shell.stopped, thrown)) return signalExitCode(shell.stopped);
    const error = isBadUsage(thrown) ? badUsage(thrown.message) : toFileSyncError(thrown);
    report(session.shell, 'error', error.message);
    return error.kind === 'config' ? ExitCode.USAGE : ExitCode.INCOMPLETE;
  }
}

const badUsage = (message: string) => new FileSyncError('config', `${message}\nSee: filesync --help`);

/** yargs throws an error of its own where an option lacks its value. */
const isBadUsage = (thrown: unknown): thrown is Error => thrown instanceof Error && thrown.name === 'YError';

/** Only the node accepts ROS arguments. */
function programArguments(argv: readonly string[]): readonly string[] {
  return argv.includes('node') ? splitArguments(argv).program : argv;
}

function base(shell: Shell): Argv {
  return yargs()
    .scriptName('filesync')
    .usage('$0 COMMAND\n\nBrings every new file from its source to local storage and on to its targets.')
    .demandCommand(1, 'Which command? `filesync --help` lists them.')
    .recommendCommands()
    .strict()
    .version(manifest.version)
    .help()
    .wrap(Math.min(110, shell.columns))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? badUsage(message ?? 'bad usage');
    });
}

/** Without a handler: before it calls one, yargs renders the help, which takes longer than most commands do. */
function add(program: Argv, { usage, summary, load }: ListedCommand, chosen: Chosen): void {
  program.command(usage, summary, async (args: Argv) => {
    chosen.command = await load();
    return (chosen.command.build?.(args) ?? args).options(chosen.command.options);
  });
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
