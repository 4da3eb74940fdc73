import yargs, { type Argv } from 'yargs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { splitArguments } from '../ros/arguments.js';
import { check } from './check.js';
import type { Command } from './command.js';
import { demo } from './demo.js';
import { files } from './files.js';
import { forget } from './forget.js';
import { node } from './node.js';
import { retry } from './retry.js';
import { run } from './run.js';
import { ExitCode, type Shell } from './shell.js';
import { sim } from './sim.js';
import { status } from './status.js';
import { sync } from './sync.js';

const commands: readonly Command[] = [run, node, sync, check, status, files, retry, forget, sim, demo];

/** Runs the command line; resolves to the exit code and never throws. */
export async function cli(shell: Shell): Promise<number> {
  const exit = { code: ExitCode.DONE as number };
  const program = base(shell);
  for (const command of commands) add(program, command, shell, exit);
  try {
    await program.parseAsync(
      [...programArguments(shell.argv)],
      {},
      (_error: unknown, _args: unknown, text: string) => {
        if (text) shell.print(text);
      },
    );
    return exit.code;
  } catch (thrown) {
    const error = toFileSyncError(thrown);
    shell.complain(`filesync: ${error.message}`);
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
    .version()
    .help()
    .wrap(Math.min(110, shell.columns))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new FileSyncError('config', `${message ?? 'bad usage'}\nSee: filesync --help`);
    });
}

function add(program: Argv, command: Command, shell: Shell, exit: { code: number }): void {
  const build = (args: Argv) => (command.build?.(args) ?? args).options(command.options);
  program.command(command.usage, command.summary, build, async args => {
    exit.code = await command.run(args, shell);
  });
}
