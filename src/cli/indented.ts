import { wrapped } from './columns.js';

const INDENT = '    ';

/** Details of a line of a table, below it, each continued where it is longer than the terminal is wide. */
export const indented = (details: readonly string[], width: number): string[] =>
  wrapped(
    details.map(detail => [detail]),
    width - INDENT.length,
  ).map(line => INDENT + line);
