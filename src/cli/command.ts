import type { Argv, ArgumentsCamelCase, InferredOptionTypes, Options } from 'yargs';
import type { Shell } from './shell.js';

type OptionTable = Readonly<Record<string, Options>>;

/** The options of one command of the program, and what it does. Its usage and summary stand in commands.ts. */
export interface Command<O extends OptionTable = OptionTable> {
  readonly options: O;
  /** Further words: positionals, examples. */
  build?(yargs: Argv): Argv;
  /**
   * It ends by itself when `shell.stopped` aborts, and needs its time to do so cleanly. Any other command is given a moment
   * and then left as it is.
   */
  readonly endsCleanly?: true;
  /** Resolves to the exit code. Throws FileSyncError: `config` ends with 2, everything else with 1. */
  run(args: ArgumentsCamelCase<InferredOptionTypes<O>>, shell: Shell): Promise<number>;
}

/** Ties the options' types to `run` and forgets them again, so that one list can hold every command. */
export function defineCommand<O extends OptionTable>(command: Command<O>): Command {
  return command;
}

const config = {
  alias: 'c',
  type: 'string',
  requiresArg: true,
  describe:
    'configuration file (default: $FILESYNC_CONFIG, ~/.config/filesync/filesync.yaml, /etc/filesync/filesync.yaml)',
} as const satisfies Options;
const json = { type: 'boolean', default: false, describe: 'print data as JSON' } as const satisfies Options;
const logLevel = {
  choices: ['debug', 'info', 'warn', 'error'] as const,
  default: 'info' as const,
  describe: 'what is logged to standard error',
} satisfies Options;
const logFormat = {
  choices: ['text', 'json'] as const,
  default: 'text' as const,
  describe: 'lines for people, or a JSON object a line',
} satisfies Options;

/** Options that several commands share. */
export const common = { config, json, logLevel, logFormat } as const;
/** Of every command that logs to standard error. */
export const logging = { 'log-level': logLevel, 'log-format': logFormat } as const;
