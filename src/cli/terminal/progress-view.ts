import { Subscription } from 'rxjs';
import type { Engine } from '../../engine/engine.js';
import type { Clock } from '../../ports.js';
import { secondsLeftOf, type RunningTransfer } from '../../record/progress.js';
import { plain } from '../print.js';
import type { End } from './end.js';
import { layOut, type Row } from './layout.js';
import type { LiveLines } from './live-lines.js';
import { Throughput } from './throughput.js';
import { Totals, type TotalsSource } from './totals.js';

const REFRESH_INTERVAL_MS = 250;

export interface ProgressViewParts {
  readonly live: LiveLines;
  readonly clock: Clock;
  readonly engine: TotalsSource & Pick<Engine, 'pending' | 'progress' | 'transfers'>;
  /** The line of all work is there while nothing is transferred, too. */
  readonly always: boolean;
}

/** One line for each running transfer and one for all work, at the end of a terminal's output, until it is disposed of. */
export class ProgressView {
  readonly #parts: ProgressViewParts;
  readonly #totals: Totals;
  readonly #throughput: Throughput;
  readonly #stop = new AbortController();
  readonly #watching = new Subscription();
  #scans = 0;

  constructor(parts: ProgressViewParts) {
    const { engine, live, clock } = parts;
    this.#parts = parts;
    this.#totals = new Totals(engine);
    this.#throughput = new Throughput(engine.progress, clock);
    this.#watching.add(engine.pending.subscribe(({ finds }) => (this.#scans = finds)));
    this.#watching.add(live.onResize(() => this.#draw()));
    void this.#refresh().catch(() => undefined);
  }

  /** Erases the lines. A second call does nothing. */
  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#watching.unsubscribe();
    this.#throughput.stop();
    this.#totals.stop();
    this.#parts.live.show([]);
  }

  /** Rejects when the view is disposed of. */
  async #refresh(): Promise<never> {
    for (;;) {
      this.#draw();
      await this.#parts.clock.sleep(REFRESH_INTERVAL_MS, this.#stop.signal);
    }
  }

  #draw(): void {
    const { live, engine, always } = this.#parts;
    const running = engine.transfers();
    const total = this.#total(running);
    if (running.length === 0 && !always) live.show([]);
    else if (this.#totals.files === 0) live.show(this.#scans > 0 ? ['scanning …'] : []);
    else live.show(this.#lines(running.map(rowOf), total));
  }

  /** Transfers for which the screen has no rows are counted. */
  #lines(rows: readonly Row[], total: Row): string[] {
    const { columns, maxLines } = this.#parts.live;
    const fits = rows.length < maxLines ? rows.length : Math.max(0, maxLines - 2);
    const lines = layOut([...rows.slice(0, fits), total], columns);
    const rest = fits < rows.length ? [`… and ${rows.length - fits} more`] : [];
    return [...lines.slice(0, -1), ...rest, ...lines.slice(-1)].slice(-maxLines);
  }

  #total(running: readonly RunningTransfer[]): Row {
    const { delivered, files, failed } = this.#totals;
    const name = `${delivered} of ${files} files${failed > 0 ? `, ${failed} failed` : ''}`;
    const [done, left] = [this.#totals.done(running), this.#totals.left(running)];
    const rates = this.#throughput.measure();
    const bytesPerSecond = rates.size > 0 ? sum(rates.values()) : undefined;
    return {
      name,
      bytes: done,
      size: done + sum(left.values()),
      bytesPerSecond,
      secondsLeft: timeLeft(left, rates),
    };
  }
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

/** All ends work at the same time: the slowest one decides. Undefined if no rate is known where bytes are left. */
function timeLeft(left: ReadonlyMap<End, number>, rates: ReadonlyMap<End, number>): number | undefined {
  const seconds = [...left].flatMap(([end, bytes]) =>
    bytes > 0 && rates.has(end) ? [bytes / (rates.get(end) ?? 1)] : [],
  );
  return seconds.length > 0 ? Math.max(...seconds) : undefined;
}

function rowOf(transfer: RunningTransfer): Row {
  const { device, path, target, bytes, size, bytesPerSecond } = transfer;
  const name = plain(target === undefined ? `${device}:${path}` : `${path} -> ${target}`);
  return {
    ...{ name, bytes, size, secondsLeft: secondsLeftOf(transfer) },
    bytesPerSecond: bytes > 0 ? bytesPerSecond : undefined,
  };
}
