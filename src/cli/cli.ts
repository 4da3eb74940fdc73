import yargs, { type ArgumentsCamelCase, type Argv } from 'yargs';
import manifest from '../../package.json' with { type: 'json' };
import { FileSyncError, toFileSyncError } from '../errors.js';
import { splitArguments } from '../ros/arguments.js';
import { withinTime } from '../system/deadline.js';
import type { Command } from './command.js';
import { commands, type ListedCommand } from './commands.js';
import { ExitCode, isStop, signalExitCode, untilStopped, type Shell } from './shell.js';

/** ms that a command may take after the first signal to leave things in order. */
const STOP_LIMIT_MS = 1_000;

/** The command that the user has named. */
interface Chosen {
  command?: Command;
}

/** Runs the command line; resolves to the exit code and never throws. */
export async function cli(shell: Shell): Promise<number> {
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
    return help || !chosen.command ? ExitCode.DONE : await obeying(chosen.command, args, shell);
  } catch (thrown) {
    if (isStop(shell.stopped, thrown)) return signalExitCode(shell.stopped);
    const error = toFileSyncError(thrown);
    shell.printError(`filesync: ${error.message}`);
    return error.kind === 'config' ? ExitCode.USAGE : ExitCode.INCOMPLETE;
  }
}

/** Only the node takes ROS's own arguments. */
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
      throw error ?? new FileSyncError('config', `${message ?? 'bad usage'}\nSee: filesync --help`);
    });
}

/** Without a handler: before it calls one, yargs renders the help, which takes longer than most commands do. */
function add(program: Argv, { usage, summary, load }: ListedCommand, chosen: Chosen): void {
  program.command(usage, summary, async (args: Argv) => {
    chosen.command = await load();
    return (chosen.command.build?.(args) ?? args).options(chosen.command.options);
  });
}

/** Does what the command does, but obeys the first signal, whatever hangs. */
async function obeying(command: Command, args: ArgumentsCamelCase, shell: Shell): Promise<number> {
  const { stopped, clock } = shell;
  const work = command.run(args, shell);
  const ended = await untilStopped(stopped, work);
  if (ended !== undefined) return ended;
  const ms = command.endsCleanly ? Infinity : STOP_LIMIT_MS;
  return (await withinTime(work, { ms, clock })) ?? signalExitCode(stopped);
}
