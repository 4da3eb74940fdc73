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

/** Text that cannot act on a terminal: a file's name may hold line ends and escape sequences. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

/** `4.1 MB`. */
export function humanSize(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, size)) / 3));
  return power === 0 ? `${size} B` : `${(size / 1000 ** power).toFixed(1)} ${units[power]}`;
}
