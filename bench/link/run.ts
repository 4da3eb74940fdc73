import { writeFile } from 'node:fs/promises';
import { besidePeer } from './beside.js';
import { atOnce, CEILING, LOSSES, RATES, Table, type Cell, type Result } from './table.js';
import { PEER } from './peer.js';
import { drawn } from './picture.js';
import type { Row } from '../run.js';
import { WAYS, type Way } from './reading.js';

// `npm run bench:link`: every link of the table, all three ways, and what must show. `-- --quick` runs a few of them;
// `-- --peer` only what comes last: the window beside another client.

const quick = process.argv.includes('--quick');
const DELAYS = quick ? [10] : [0, 10, 50, 100];
const LOSSY_DELAYS = quick ? [10] : [0, 10, 100];
const FAST = new Set(['921600', '8 Mbit/s']);
const TELEMETRY_LIMIT = 100;

/** Seconds of the wire that the file takes at least, and seconds after which the slower ways are cut off. */
function lengthOf({ rate, loss, way, delay }: Cell): { size: number; limit: number } {
  const seconds = loss.share === 0 && delay >= 50 && FAST.has(rate.name) ? 40 : rate.weight === 1 ? 12 : 30;
  const size = Math.round(rate.bytes * CEILING * (quick ? 10 : seconds));
  if (way === 'window') return { size, limit: 600_000 };
  if (way === 'stop-and-wait') return { size, limit: quick || rate.weight === 1 ? 4_000 : 20_000 };
  return { size, limit: quick || rate.weight === 1 ? 8_000 : 30_000 };
}

function cells(): (Cell & { weight: number })[] {
  const rates = quick ? RATES.filter(({ name }) => FAST.has(name)) : RATES;
  const losses = quick ? LOSSES.slice(0, 2) : LOSSES;
  const links = rates.flatMap(rate =>
    losses.flatMap(loss => (loss.share ? LOSSY_DELAYS : DELAYS).map(delay => ({ rate, loss, delay }))),
  );
  return links.flatMap(link => WAYS.map(way => ({ ...link, way, weight: link.rate.weight })));
}

const sameLink = (a: Cell, b: Cell) =>
  a.rate.name === b.rate.name && a.loss.name === b.loss.name && a.delay === b.delay;

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** The worst of the results by a measure, against a limit. */
function worst(
  what: string,
  results: readonly Result[],
  measure: (result: Result) => number,
  limit: number,
): Row {
  const [least] = [...results].sort((a, b) => measure(a) - measure(b));
  if (!least) return { what, result: 'not run', limit: `>= ${percent(limit)}`, met: false };
  const where = `${least.rate.name}, ${least.delay} ms, ${least.loss.name}`;
  return {
    what,
    result: `${percent(measure(least))} (${where})`,
    limit: `>= ${percent(limit)}`,
    met: measure(least) >= limit,
  };
}

/** The window's goodput over that of the faster of the other ways, where it is least. */
function againstOthers(results: readonly Result[]): Row {
  const windows = results.filter(({ way }) => way === 'window');
  const ratio = (window: Result) => {
    const others = results.filter(other => other.way !== 'window' && sameLink(other, window));
    return window.share / Math.max(...others.map(({ share }) => share));
  };
  return worst('window over the better of burst and stop-and-wait, worst link', windows, ratio, 1);
}

function verdicts(results: readonly Result[]): Row[] {
  const windows = results.filter(({ way }) => way === 'window');
  const fast = windows.filter(({ rate }) => FAST.has(rate.name));
  const lossless = fast.filter(({ loss }) => loss.share === 0);
  const lossy = fast.filter(({ loss }) => loss.share === 0.05 && loss.run === 1);
  const late = [...windows].sort((a, b) => b.telemetry - a.telemetry)[0];
  return [
    worst('share of the ceiling, no loss, 921600 and 8 Mbit/s', lossless, ({ share }) => share, 0.95),
    worst('share of (1 - loss) x ceiling, 5 % loss', lossy, r => r.share / (1 - r.loss.share), 0.85),
    {
      what: 'every file whole, SHA-256 right',
      result: `${windows.filter(({ intact }) => intact).length} of ${windows.length}`,
      limit: 'all',
      met: windows.every(({ intact }) => intact),
    },
    againstOthers(results),
    {
      what: 'telemetry, added delay, 99th percentile, worst link',
      result: late
        ? `${late.telemetry.toFixed(0)} ms (${late.rate.name}, ${late.delay} ms, ${late.loss.name})`
        : '',
      limit: `< ${TELEMETRY_LIMIT} ms`,
      met: late !== undefined && late.telemetry < TELEMETRY_LIMIT,
    },
  ];
}

const LOOPBACK = [
  { what: 'no delay', delay: 0, loss: 0, times: 5 },
  { what: '20 ms round trip', delay: 10, loss: 0, times: 2.5 },
  { what: '20 ms round trip, 2 % loss', delay: 10, loss: 0.02, times: 4 },
] as const;

async function loopback(table: Table): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { what, delay, loss, times } of LOOPBACK) {
    const rate = async (way: Way) => {
      const { bytes, ms } = await table.loopback(way, 16_000_000, delay, loss, 15_000);
      return bytes / ms;
    };
    const [burst, window] = [await rate('burst'), await rate('window')];
    rows.push({
      what: `loopback, ${what}: window over burst`,
      result: `${(window / burst).toFixed(2)}x (${window.toFixed(0)} over ${burst.toFixed(0)} kB/s)`,
      limit: `>= ${times}x`,
      met: window / burst >= times,
    });
  }
  return rows;
}

function printed(results: readonly Result[]): void {
  console.table(
    results.map(({ rate, loss, delay, way, share, requests, cpu, telemetry, intact }) => ({
      link: rate.name,
      loss: loss.name,
      'delay ms': delay,
      way,
      ceiling: percent(share),
      'requests a block': requests.toFixed(2),
      'CPU s/MB': cpu.toFixed(2),
      'telemetry ms': telemetry.toFixed(0),
      file: intact === undefined ? 'cut off' : intact ? 'whole' : 'WRONG',
    })),
  );
}

const order = ({ rate, loss, delay, way }: Cell) =>
  RATES.indexOf(rate) * 1e4 + LOSSES.indexOf(loss) * 1e3 + delay * 8 + [...WAYS, PEER].indexOf(way);

const inOrder = (results: readonly Result[]): Result[] => [...results].sort((a, b) => order(a) - order(b));

async function beside(table: Table): Promise<void> {
  const results = await besidePeer(table);
  if (typeof results === 'string') console.log(results);
  else printed(inOrder(results));
}

async function all(table: Table): Promise<void> {
  const near = await loopback(table);
  const run = (cell: Cell) => {
    const { size, limit } = lengthOf(cell);
    return table.run(cell, size, limit);
  };
  const results = inOrder(await atOnce(cells(), run));
  printed(results);
  const rows = [...near, ...verdicts(results)];
  console.table(rows);
  if (!quick) await writeFile(new URL('../../docs/link.svg', import.meta.url), drawn(results));
  if (rows.some(({ met }) => !met)) process.exitCode = 1;
}

await Table.with(async table => {
  if (!process.argv.includes('--peer')) await all(table);
  await beside(table);
});
