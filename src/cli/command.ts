import type { Argv, ArgumentsCamelCase, InferredOptionTypes, Options } from 'yargs';
import type { Shell } from './shell.js';

type OptionTable = Readonly<Record<string, Options>>;

/** The options of one command of the program, and what it does. Its usage and summary are in commands.ts. */
export interface Command<O extends OptionTable = OptionTable> {
  readonly options: O;
  /** Adds positionals and examples. */
  build?(yargs: Argv): Argv;
  /**
   * It ends when `shell.stopped` aborts, and needs time to do so cleanly. Any other command has STOP_TIMEOUT_MS of cli.ts,
   * after which the program ends without it.
   */
  readonly endsCleanly?: true;
  /** Resolves to the exit code. Throws FileSyncError: `config` ends with 2, everything else with 1. */
  run(args: ArgumentsCamelCase<InferredOptionTypes<O>>, shell: Shell): Promise<number>;
}

/** Checks `run` against the options' types, and erases these, so that one list can hold every command. */
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
  describe: 'lowest level that is logged to standard error',
} satisfies Options;
const logFormat = {
  choices: ['text', 'json'] as const,
  default: 'text' as const,
  describe: 'format of the log: lines of text, or one JSON object a line',
} satisfies Options;

/** Options that several commands share. */
export const common = { config, json, logLevel, logFormat } as const;
/** Of every command that logs to standard error. */
export const logging = { 'log-level': logLevel, 'log-format': logFormat } as const;
