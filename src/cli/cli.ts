import yargs, { type ArgumentsCamelCase, type Argv } from 'yargs';
import manifest from '../../package.json' with { type: 'json' };
import type { Failure } from '../api/schema.js';
import { suggest } from '../config/nearest.js';
import { FileSyncError, toFileSyncError } from '../errors.js';
import { splitArguments } from '../ros/arguments.js';
import { untilAborted, wasCut, withinTime } from '../system/deadline.js';
import type { Command } from './command.js';
import { commands, nameOf, type ListedCommand } from './commands.js';
import { overview, SENTENCE } from './help.js';
import { ExitCode, report, signalExitCode, type Shell } from './shell.js';

/** Time that a command without `endsCleanly` has after the first signal. */
const STOP_TIMEOUT_MS = 1_000;
/** Wider help is hard to read. */
const MAX_COLUMNS = 110;

/** The command that the user has named. */
interface Chosen {
  name?: string;
  command?: Command;
}

/** Runs the command line; resolves to the exit code and never throws. With `--json`, an error is printed as `Failure`, too. */
export async function cli(shell: Shell): Promise<number> {
  // As the options name them, once they are parsed.
  const session = { shell, json: shell.argv.includes('--json') };
  try {
    const { args, text, command } = await parse(shell);
    if (text !== undefined) shell.print(text);
    if (!command) return shell.argv.length === 0 ? ExitCode.USAGE : ExitCode.DONE;
    session.shell = { ...shell, logFormat: { ...shell.logFormat, json: args['logFormat'] === 'json' } };
    session.json = args['json'] === true;
    return await runUntilStopped(command, args, session.shell);
  } catch (thrown) {
    if (wasCut(shell.stopped, thrown)) return signalExitCode(shell.stopped);
    const error = isBadUsage(thrown)
      ? badUsage(inPlainWords(thrown.message, undefined))
      : toFileSyncError(thrown);
    if (session.json) shell.print(JSON.stringify({ error: error.message } satisfies Failure));
    report(session.shell, 'error', error.message);
    return error.kind === 'config' ? ExitCode.USAGE : ExitCode.INCOMPLETE;
  }
}

interface Parsed {
  readonly args: ArgumentsCamelCase;
  /** The help or the version, if that is what the arguments ask for. */
  readonly text?: string;
  /** What is to be run. */
  readonly command?: Command;
}

/** A missing command is bad usage, but the name alone prints the help, as git does. */
async function parse(shell: Shell): Promise<Parsed> {
  const chosen: Chosen = {};
  const argv = shell.argv.length === 0 ? ['--help'] : joinedSort(helpAsOption(programArguments(shell.argv)));
  const program = base(shell, argv, chosen);
  for (const command of commands) add(program, command, chosen);
  let text = '';
  const args = await program.parseAsync([...argv], {}, (_error: unknown, _args: unknown, said: string) => {
    text = said;
  });
  if (args['help'] === true && !chosen.command) return { args, text: overview(columnsOf(shell)) };
  return text || !chosen.command ? { args, text } : { args, command: chosen.command };
}

const columnsOf = ({ columns }: Shell) => Math.min(MAX_COLUMNS, columns);

const badUsage = (message: string, command?: string) =>
  new FileSyncError(
    'config',
    `${message}\nSee: filesync ${command === undefined ? '' : `${command} `}--help`,
  );

/** yargs throws an error of its own where an option lacks its value. */
const isBadUsage = (thrown: unknown): thrown is Error => thrown instanceof Error && thrown.name === 'YError';

/** Only the node accepts ROS arguments. */
function programArguments(argv: readonly string[]): readonly string[] {
  return argv.includes('node') ? splitArguments(argv).program : argv;
}

/** `help sync` is `sync --help`; what is no command is refused as it would be without `help`. */
function helpAsOption(argv: readonly string[]): readonly string[] {
  const [help, command] = argv;
  if (help !== 'help') return argv;
  if (command === undefined || command.startsWith('-')) return ['--help'];
  return commands.some(listed => nameOf(listed) === command) ? [command, '--help'] : [command];
}

/** Words of yargs for arguments that are missing, and what a person understands. */
function inPlainWords(message: string, name: string | undefined): string {
  const [, option] = /^Not enough arguments following: (.+)$/.exec(message) ?? [];
  if (option !== undefined) return `${option.length === 1 ? '-' : '--'}${option} needs a value`;
  const usage = commands.find(listed => nameOf(listed) === name)?.usage;
  return usage !== undefined && message.startsWith('Not enough non-option arguments')
    ? `an argument is missing: filesync ${usage}`
    : message;
}

const DESCENDING = /^-[a-z_]{2,}$/;

/** `--sort -size` is `--sort=-size`: yargs takes a word with a dash for options. */
function joinedSort(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf('--sort');
  const key = argv[at + 1] ?? '';
  return at < 0 || !DESCENDING.test(key) ? argv : argv.toSpliced(at, 2, `--sort=${key}`);
}

function base(shell: Shell, argv: readonly string[], chosen: Chosen): Argv {
  return yargs()
    .scriptName('filesync')
    .usage(`$0 COMMAND\n\n${SENTENCE}`)
    .demandCommand(1, 'Which command? `filesync --help` lists them.')
    .recommendCommands()
    .strict()
    .version(manifest.version)
    .help()
    .alias('help', 'h')
    .wrap(columnsOf(shell))
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw (
        error ??
        badUsage(inPlainWords(withNearest(message ?? 'bad usage', argv, chosen), chosen.name), chosen.name)
      );
    });
}

/** yargs names an unknown option twice if there is a dash in it; what the user may have meant it does not say. */
function withNearest(message: string, argv: readonly string[], { command }: Chosen): string {
  const names = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ');
  if (!names || !command) return message;
  const typed = argv.map(word => word.replace(/^-+(no-)?/, '').replace(/=.*/, ''));
  const spelled = names.filter(name => typed.includes(name));
  // Letters behind one dash are several options.
  const unknown = spelled.length > 0 ? spelled : names;
  const known = [...Object.keys(command.options), 'help'];
  const hints = unknown.map(name => suggest(name, known, option => `--${option}`));
  return `Unknown argument${unknown.length > 1 ? 's' : ''}: ${unknown.join(', ')}; ${[...new Set(hints)].join(' ')}`;
}

/** Without a handler: before it calls one, yargs renders the help, which takes longer than most commands do. */
function add(program: Argv, listed: ListedCommand, chosen: Chosen): void {
  program.command(listed.usage, listed.summary, async (args: Argv) => {
    chosen.name = nameOf(listed);
    chosen.command = await listed.load();
    for (const [line, does] of listed.examples) args.example(line, does);
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
