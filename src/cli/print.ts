/** Rows as aligned columns, the first row being the heading. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Text without control characters: a file's name may hold line ends and escape sequences. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
