import { commands, GROUPS } from './commands.js';
import { wrap } from './terminal/text.js';

export const SENTENCE = 'Brings every new file from its source to local storage and on to its targets.';
/** What the exit codes mean, for the help and the man page. */
export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done'],
  ['1', 'something could not be fetched or delivered'],
  ['2', 'bad usage or configuration'],
  ['129, 130, 143', 'ended by SIGHUP (its terminal was closed), SIGINT or SIGTERM'],
];

const OPTIONS: readonly (readonly [option: string, does: string])[] = [
  ['-h, --help', 'this help; with a command: its options, and examples'],
  ['--version', 'the version'],
];

const MIN_TEXT_COLUMNS = 30;
/** Wider help is hard to read. */
const MAX_COLUMNS = 110;

/** Of a help on this terminal. */
export const columnsOf = ({ columns }: { readonly columns: number }): number =>
  Math.min(MAX_COLUMNS, columns);

/** The help of the whole program: its commands by groups. */
export function overview(columns: number): string {
  const listed = GROUPS.map(group => {
    const rows = commands.filter(command => command.group === group);
    return [group, rows.map(({ usage, summary }) => [`filesync ${usage}`, summary] as const)] as const;
  });
  const parts = [...listed, ['Options', OPTIONS] as const, ['Exit codes', EXIT_CODES] as const];
  const width = Math.max(...parts.flatMap(([, rows]) => rows.map(([name]) => name.length)));
  return [
    'filesync COMMAND [OPTIONS]',
    SENTENCE,
    ...parts.map(([title, rows]) => [`${title}:`, ...rows.map(row => entry(row, width, columns))].join('\n')),
    '`filesync COMMAND --help`, or `filesync help COMMAND`, for one command.',
  ].join('\n\n');
}

function entry([name, text]: readonly [string, string], width: number, columns: number): string {
  const indent = width + 4;
  const lines = wrap(text, Math.max(MIN_TEXT_COLUMNS, columns - indent));
  return `  ${name.padEnd(width)}  ${lines.join(`\n${' '.repeat(indent)}`)}`;
}
