import yargs, { type ArgumentsCamelCase, type Argv } from 'yargs';
import manifest from '../../package.json' with { type: 'json' };
import { suggest } from '../config/nearest.js';
import { FileSyncError } from '../errors.js';
import { splitArguments } from '../ros/arguments.js';
import type { Command } from './command.js';
import { commands, nameOf, type ListedCommand } from './commands.js';
import { columnsOf, overview, SENTENCE } from './help.js';
import type { Shell } from './shell.js';

/** The command that the user has named. */
interface Chosen {
  name?: string;
  command?: Command;
}

export interface Parsed {
  readonly args: ArgumentsCamelCase;
  /** The help or the version, if that is what the arguments ask for. */
  readonly text?: string;
  /** What is to be run. */
  readonly command?: Command;
}

/** Loads the command that the arguments name. Throws `config` for bad usage. */
export async function parse(shell: Shell): Promise<Parsed> {
  try {
    return await parsed(shell);
  } catch (thrown) {
    throw isBadUsage(thrown) ? badUsage(inPlainWords(thrown.message, undefined)) : thrown;
  }
}

async function parsed(shell: Shell): Promise<Parsed> {
  const chosen: Chosen = {};
  const argv = joinedSort(helpAsOption(programArguments(shell.argv)));
  const program = base(shell, argv, chosen);
  const rest = addCommands(program, argv, chosen);
  let text = '';
  const args = await program.parseAsync([...rest], {}, (_error: unknown, _args: unknown, said: string) => {
    text = said;
  });
  if (args['help'] === true && !chosen.command) return { args, text: overview(columnsOf(shell)) };
  return text || !chosen.command ? { args, text } : { args, command: chosen.command };
}

/**
 * Adds the commands that the arguments may mean; returns the arguments that are left to parse. yargs renders the help of every
 * command that it has found by its name, which takes longer than most commands run: unless the user asks for help, the
 * command that comes first is added as the only one, without its name.
 */
function addCommands(program: Argv, argv: readonly string[], chosen: Chosen): readonly string[] {
  const [first, ...rest] = argv;
  const named = commands.find(listed => nameOf(listed) === first);
  const asksForHelp = argv.at(-1) === 'help' || argv.some(word => /^(--help|-[a-z]*h)/.test(word));
  if (named && !asksForHelp) {
    add(program, named, named.usage.replace(/^\S+/, '$0'), chosen);
    return rest;
  }
  for (const command of commands) add(program, command, command.usage, chosen);
  return argv;
}

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

/** `usage`: as `ListedCommand.usage`, with `$0` in place of the name where the arguments are without it. */
function add(program: Argv, listed: ListedCommand, usage: string, chosen: Chosen): void {
  program.command(usage, listed.summary, async (args: Argv) => {
    chosen.name = nameOf(listed);
    chosen.command = await listed.load();
    for (const [line, does] of listed.examples) args.example(line, does);
    return (chosen.command.build?.(args) ?? args).options(chosen.command.options);
  });
}
