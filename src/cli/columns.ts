import { plain } from './print.js';
import { columnsOf, padEnd, padStart, shorten, wrap } from './terminal/text.js';

/** A column of a table on a terminal. */
export interface Column {
  readonly heading: string;
  /** Its cells are shortened in the middle where the table is wider than the terminal. */
  readonly shrinks?: true;
  readonly right?: true;
}

/** Narrower than this, a shortened cell would name nothing. */
const MIN_SHRUNK_WIDTH = 16;
const GAP = '  ';

/**
 * Rows as aligned columns below their headings. Where `width` is given, cells of the columns that shrink are shortened in the
 * middle, so that each line fits if that is possible. Cells may hold foreign text.
 */
export function fitted(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows.map(row => row.map(plain))];
  const widths = columns.map((_, index) => Math.max(...cells.map(row => columnsOf(row[index] ?? ''))));
  const all = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (columns.length - 1);
  const shrunk = columns.findIndex(({ shrinks }) => shrinks);
  if (all > width && shrunk >= 0)
    widths[shrunk] = Math.max(MIN_SHRUNK_WIDTH, (widths[shrunk] ?? 0) - (all - width));
  return cells.map(row => line(row, columns, widths));
}

/**
 * Rows of which the last cell is a text that may be long: it is continued below itself where the line is wider than `width`.
 * Cells may hold foreign text.
 */
export function wrapped(rows: readonly (readonly string[])[], width = Infinity): string[] {
  const cells = rows.map(row => row.map(plain));
  const heads = cells.map(row => row.slice(0, -1));
  const widths = (heads[0] ?? []).map((_, index) =>
    Math.max(...heads.map(row => columnsOf(row[index] ?? ''))),
  );
  const indent = widths.reduce((sum, one) => sum + one + GAP.length, 0);
  return cells.flatMap((row, index) => {
    const head = (heads[index] ?? []).map((cell, column) => padEnd(cell, widths[column] ?? 0) + GAP).join('');
    const space = Math.max(MIN_SHRUNK_WIDTH, width - indent);
    const [first = '', ...more] = wrap(row.at(-1) ?? '', space);
    return [(head + first).trimEnd(), ...more.map(text => ' '.repeat(indent) + text)];
  });
}

function line(row: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const padded = row.map((cell, index) => {
    const width = widths[index] ?? 0;
    const text = shorten(cell, width);
    return columns[index]?.right ? padStart(text, width) : padEnd(text, width);
  });
  return padded.join(GAP).trimEnd();
}
