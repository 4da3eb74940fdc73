import { firstValueFrom, merge } from 'rxjs';
import type { Engine } from '../../engine/engine.js';
import type { Clock, Logger } from '../../ports.js';
import { percentOf, secondsLeftOf, transferName, type RunningTransfer } from '../../record/progress.js';
import { aborted } from '../../system/rx.js';
import { formatRate, formatSize } from '../../system/size.js';
import { formatTimeLeft } from './text.js';

const POLL_INTERVAL_MS = 5_000;
/** A transfer is logged again when it is that much further and this time has passed, or when it has been silent for long. */
const MIN_PERCENT = 10;
const MIN_INTERVAL_MS = 10_000;
const MAX_SILENCE_MS = 60_000;

export interface ProgressLogParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly engine: Pick<Engine, 'progress' | 'transfers'>;
}

interface Logged {
  /** Monotonic ms. */
  readonly at: number;
  readonly percent: number;
}

/** Logs now and then how far long transfers are, where no terminal shows it, until it is disposed of. */
export class ProgressLog {
  readonly #parts: ProgressLogParts;
  readonly #stop = new AbortController();
  #logged = new Map<string, Logged>();

  constructor(parts: ProgressLogParts) {
    this.#parts = parts;
    void this.#poll().catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** Rejects when it is disposed of, or when the engine has stopped. */
  async #poll(): Promise<never> {
    const { clock, engine } = this.#parts;
    const { signal } = this.#stop;
    for (;;) {
      if (this.#logged.size === 0) await firstValueFrom(merge(engine.progress, aborted(signal)));
      await clock.sleep(POLL_INTERVAL_MS, signal);
      const running = engine.transfers();
      this.#logged = new Map(running.map(transfer => [keyOf(transfer), this.#look(transfer)]));
    }
  }

  #look(transfer: RunningTransfer): Logged {
    const now = { at: this.#parts.clock.monotonic(), percent: Math.floor(percentOf(transfer)) };
    const last = this.#logged.get(keyOf(transfer));
    if (!last) return now;
    const ms = now.at - last.at;
    const isDue = ms >= MIN_INTERVAL_MS && now.percent >= last.percent + MIN_PERCENT;
    if (!isDue && ms < MAX_SILENCE_MS) return last;
    this.#parts.logger.log('info', describe(transfer, now.percent));
    return now;
  }
}

const keyOf = ({ id, target = '' }: RunningTransfer): string => `${id} ${target}`;

function describe(transfer: RunningTransfer, percent: number): string {
  const { bytes, size, bytesPerSecond } = transfer;
  const seconds = secondsLeftOf(transfer);
  const left = seconds === undefined ? '' : `, ${formatTimeLeft(seconds)} left`;
  const done = `${percent}%, ${formatSize(bytes)} of ${formatSize(size)}`;
  return `${transferName(transfer)}: ${done}, ${formatRate(bytesPerSecond)}${left}`;
}
