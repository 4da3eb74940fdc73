import { readdir } from 'node:fs/promises';

/** One line of the table. */
export interface Row {
  readonly what: string;
  /** With its unit. */
  readonly result: string;
  /** What is asked for, if anything is. */
  readonly limit?: string;
  readonly met?: boolean;
}

interface Bench {
  readonly bench: () => Promise<Row[]>;
}

/** Runs every bench beside this file, or those named on the command line: `npm run bench -- db`. */
async function main(wanted: readonly string[]): Promise<void> {
  const names = (await readdir(import.meta.dirname))
    .filter(file => file.endsWith('.ts'))
    .map(file => file.replace(/\.ts$/, ''))
    .filter(name => name !== 'run' && (wanted.length === 0 || wanted.includes(name)));
  const rows: (Row & { bench: string })[] = [];
  for (const name of names.sort()) {
    const { bench } = (await import(`./${name}.ts`)) as Bench;
    rows.push(...(await bench()).map(row => ({ bench: name, ...row })));
  }
  console.table(rows, ['bench', 'what', 'result', 'limit', 'met']);
  if (names.length === 0 || rows.some(row => row.met === false)) process.exitCode = 1;
}

await main(process.argv.slice(2));
