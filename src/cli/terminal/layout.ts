import { percentOf } from '../../record/progress.js';
import { formatRate, formatSize } from '../../system/size.js';
import { columnsOf, formatTimeLeft, padEnd, padStart, shorten } from './text.js';

/** What one line shows: a transfer, or all of them. */
export interface Row {
  /** Without control characters; shortened where there is no space for it. */
  readonly name: string;
  readonly bytes: number;
  readonly size: number;
  /** Undefined while it is not known. */
  readonly bytesPerSecond?: number | undefined;
  readonly secondsLeft?: number | undefined;
}

/** One column of every line, by its width; those that matter least come first in `DROPPED_FIRST`. */
interface Field {
  readonly columns: number;
  text(row: Row): string;
}

const SPACE = '  ';
const MAX_NAME_COLUMNS = 60;
/** Names are not shortened to less than this as long as there is a field to leave out. */
const MIN_NAME_COLUMNS = 24;
const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 8;

const PERCENT: Field = { columns: 4, text: row => `${Math.floor(percentOf(row))}%` };
const BYTES: Field = { columns: 17, text: ({ bytes, size }) => `${formatSize(bytes)}/${formatSize(size)}` };
const RATE: Field = {
  columns: 10,
  text: ({ bytesPerSecond: rate }) => (rate === undefined ? '' : formatRate(rate)),
};
const TIME_LEFT: Field = {
  columns: 12,
  text: ({ secondsLeft }) => (secondsLeft === undefined ? '' : `${formatTimeLeft(secondsLeft)} left`),
};
const ALL = [PERCENT, BYTES, RATE, TIME_LEFT];
const DROPPED_FIRST = [BYTES, RATE, TIME_LEFT, PERCENT];

const widthOf = (fields: readonly Field[]): number =>
  fields.reduce((sum, { columns }) => sum + SPACE.length + columns, 0);

/** Aligned lines of at most that many columns. */
export function layOut(rows: readonly Row[], columns: number): string[] {
  const longest = Math.max(0, ...rows.map(({ name }) => columnsOf(name)));
  const fields = fieldsFor(Math.min(longest, MIN_NAME_COLUMNS), columns);
  const space = columns - widthOf(fields);
  const name = Math.min(longest, MAX_NAME_COLUMNS, space);
  const bar = Math.min(MAX_BAR_COLUMNS, space - name - SPACE.length);
  return rows.map(row => {
    const cells = fields.map(field => SPACE + padStart(field.text(row), field.columns));
    return [padEnd(shorten(row.name, name), name), barOf(row, bar), ...cells].join('').trimEnd();
  });
}

/** As many fields as leave that many columns to the names. */
function fieldsFor(name: number, columns: number): Field[] {
  const dropped = new Set<Field>();
  const left = () => ALL.filter(field => !dropped.has(field));
  for (const field of DROPPED_FIRST) if (columns - widthOf(left()) < name) dropped.add(field);
  return left();
}

function barOf(row: Row, columns: number): string {
  if (columns < MIN_BAR_COLUMNS) return '';
  const done = Math.floor((columns * percentOf(row)) / 100);
  return `${SPACE}${'█'.repeat(done)}${'░'.repeat(columns - done)}`;
}
