import type { Row } from '../run.js';
import { sameLink } from './results.js';
import type { Result } from './table.js';

const MAX_TELEMETRY_DELAY_MS = 100;

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

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

/** The window's goodput over that of the faster other method, at its worst. */
function againstOthers(results: readonly Result[]): Row {
  const windows = results.filter(({ way }) => way === 'window');
  const ratio = (window: Result) => {
    const others = results.filter(other => other.way !== 'window' && sameLink(other, window));
    return window.share / Math.max(...others.map(({ share }) => share));
  };
  return worst('window over the better of burst and stop-and-wait, worst link', windows, ratio, 1);
}

/** The requirements. `fast`: the names of the rates whose share of the ceiling counts. */
export function verdicts(results: readonly Result[], fast: readonly string[]): Row[] {
  const windows = results.filter(({ way }) => way === 'window');
  const onFast = windows.filter(({ rate }) => fast.includes(rate.name));
  const lossless = onFast.filter(({ loss }) => loss.share === 0);
  const lossy = onFast.filter(({ loss }) => loss.share === 0.05 && loss.run === 1);
  const slowest = [...windows].sort((a, b) => b.telemetry - a.telemetry)[0];
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
      result: slowest
        ? `${slowest.telemetry.toFixed(0)} ms (${slowest.rate.name}, ${slowest.delay} ms, ${slowest.loss.name})`
        : '',
      limit: `< ${MAX_TELEMETRY_DELAY_MS} ms`,
      met: slowest !== undefined && slowest.telemetry < MAX_TELEMETRY_DELAY_MS,
    },
  ];
}
