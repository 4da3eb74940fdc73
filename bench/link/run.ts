import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Row } from '../run.js';
import { besidePeer } from './beside.js';
import { PEER } from './peer.js';
import { drawn } from './picture.js';
import { WAYS, type Way } from './reading.js';
import { merged, type Measured, type Near } from './results.js';
import { atOnce, CEILING, LOSSES, RATES, Table, type Cell, type Result } from './table.js';
import { percent, verdicts } from './verdicts.js';

// `npm run bench:link`: every link of the table, all three methods, and the requirements. `-- --quick` runs a few of them;
// `-- --rate NAME --loss NAME --delay MS --way NAME`, each as often as wanted, runs those alone, and `--into FILE` adds
// them to what earlier runs measured: the tables, and the picture once nothing is missing, are of both. What comes last is
// the window beside another client; `-- --peer` runs only that.

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    peer: { type: 'boolean', default: false },
    rate: { type: 'string', multiple: true },
    loss: { type: 'string', multiple: true },
    delay: { type: 'string', multiple: true },
    way: { type: 'string', multiple: true },
    into: { type: 'string' },
  },
});
const { quick } = asked;
const DELAYS = [0, 10, 50, 100];
const LOSSY_DELAYS = [0, 10, 100];
const FAST = ['921600', '8 Mbit/s'];
const LOOPBACK = 'loopback';

const isWanted = (wanted: readonly string[] | undefined, name: string) => wanted?.includes(name) ?? true;

/** Bytes of the file, and ms after which the slower methods are cut off. */
function lengthOf({ rate, way, delay }: Cell): { size: number; limit: number } {
  const heavy = rate.weight === 1;
  const size = Math.round(rate.bytes * CEILING * (quick ? 10 : secondsOf(rate.name, delay)));
  if (way === 'window') return { size, limit: 600_000 };
  if (way === 'stop-and-wait') return { size, limit: quick || heavy ? 4_000 : 20_000 };
  return { size, limit: quick || heavy ? 8_000 : 60_000 };
}

/** Seconds of the wire that the file takes at least: more where a round trip is long, or packets are few. */
function secondsOf(rate: string, delay: number): number {
  if (!FAST.includes(rate)) return 60;
  if (delay >= 50) return 40;
  return rate === '921600' ? 30 : 12;
}

function allCells(): Cell[] {
  const links = RATES.flatMap(rate =>
    LOSSES.flatMap(loss => (loss.share ? LOSSY_DELAYS : DELAYS).map(delay => ({ rate, loss, delay }))),
  );
  return links.flatMap(link => WAYS.map(way => ({ ...link, way })));
}

const isQuick = ({ rate, loss, delay }: Cell) =>
  FAST.includes(rate.name) && LOSSES.indexOf(loss) < 2 && delay === 10;

const isAsked = (cell: Cell) =>
  isWanted(asked.rate, cell.rate.name) &&
  isWanted(asked.loss, cell.loss.name) &&
  isWanted(asked.delay, `${cell.delay}`) &&
  isWanted(asked.way, cell.way) &&
  (!quick || isQuick(cell));

const NEAR = [
  { what: 'no delay', delay: 0, loss: 0, times: 5 },
  { what: '20 ms round trip', delay: 10, loss: 0, times: 2.5 },
  { what: '20 ms round trip, 2 % loss', delay: 10, loss: 0.02, times: 4 },
] as const;

async function loopback(table: Table): Promise<Near[]> {
  const results: Near[] = [];
  for (const { what, delay, loss } of NEAR) {
    const rate = async (way: Way) => {
      const { bytes, ms } = await table.loopback(way, 16_000_000, delay, loss, 15_000);
      return bytes / ms;
    };
    results.push({ what, burst: await rate('burst'), window: await rate('window') });
  }
  return results;
}

function ratios(results: readonly Near[]): Row[] {
  return results.map(({ what, burst, window }) => {
    const times = NEAR.find(near => near.what === what)?.times ?? Infinity;
    return {
      what: `loopback, ${what}: window over burst`,
      result: `${(window / burst).toFixed(2)}x (${window.toFixed(0)} over ${burst.toFixed(0)} kB/s)`,
      limit: `>= ${times}x`,
      met: window / burst >= times,
    };
  });
}

function printed(results: readonly Result[]): void {
  console.table(
    results.map(({ rate, loss, delay, way, share, requests, datagrams, cpu, telemetry, intact }) => ({
      link: rate.name,
      loss: loss.name,
      'delay ms': delay,
      way,
      ceiling: percent(share),
      'requests a block': requests.toFixed(2),
      'datagrams a block': datagrams.toFixed(2),
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

async function chosen(table: Table): Promise<void> {
  const near = isWanted(asked.rate, LOOPBACK) ? await loopback(table) : [];
  const cells = allCells().filter(isAsked);
  const links = await atOnce(
    cells.map(cell => ({ ...cell, weight: cell.rate.weight })),
    cell => table.run(cell, lengthOf(cell).size, lengthOf(cell).limit),
  );
  await report(await merged(asked.into, { near, links }));
}

async function report({ near, links }: Measured): Promise<void> {
  const results = inOrder(links);
  printed(results);
  const rows = [...ratios(near), ...verdicts(results, FAST)];
  console.table(rows);
  const isWhole = results.length === allCells().length;
  if (isWhole) await writeFile(new URL('../../docs/link.svg', import.meta.url), drawn(results));
  if (rows.some(({ met }) => !met)) process.exitCode = 1;
}

await Table.with(async table => {
  if (!asked.peer) await chosen(table);
  if (asked.peer || asked.into === undefined) await beside(table);
});
