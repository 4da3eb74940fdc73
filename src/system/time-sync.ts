import { existsSync } from 'node:fs';
import { outputOf } from './child.js';

/** A machine without a battery-backed clock starts in 1970, or when its image was made. */
const MIN_TIME = Date.UTC(2025, 0, 1);
const TOOL = {
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  remedy: 'install the package systemd',
  background: true,
} as const;

export interface TimeSyncOptions {
  /** A file that exists once systemd-timesyncd has set the clock. */
  readonly flag: string;
  /** Prints `yes` or `no`: whether the kernel's clock is synchronised, by any program. */
  readonly command: readonly [string, ...string[]];
  /** Time limit of the command. */
  readonly timeoutMs: number;
  /** Time between an answer that is not `yes` and the next run of the command. */
  readonly intervalMs: number;
  /** Time between two checks of the flag. */
  readonly flagIntervalMs: number;
}

const SYSTEMD: TimeSyncOptions = {
  flag: '/run/systemd/timesync/synchronized',
  command: ['timedatectl', 'show', '--property=NTPSynchronized', '--value'],
  timeoutMs: 5_000,
  intervalMs: 60_000,
  flagIntervalMs: 1_000,
};

/**
 * Whether the wall clock is known to be right. Checks begin when `synchronised` is first read, end when the clock is right,
 * and do not keep the program alive.
 */
export class TimeSync {
  readonly #now: () => number;
  readonly #options: TimeSyncOptions;
  #answer: 'pending' | 'yes' | 'no' | 'unknown' = 'pending';
  #watching = false;
  /** Time of the last check of the flag, by `performance.now`. */
  #checkedAt = -Infinity;

  /** @param now wall time, ms since the Unix epoch */
  constructor(now: () => number, options: Partial<TimeSyncOptions> = {}) {
    this.#now = now;
    this.#options = { ...SYSTEMD, ...options };
  }

  /** False until the first answer. Where the state is unknown, a clock after MIN_TIME counts as right. */
  get synchronised(): boolean {
    const now = performance.now();
    if (this.#answer !== 'yes' && now - this.#checkedAt >= this.#options.flagIntervalMs) this.#checkFlag(now);
    return this.#isKnown();
  }

  #checkFlag(now: number): void {
    this.#checkedAt = now;
    if (existsSync(this.#options.flag)) this.#answer = 'yes';
    else this.#watch();
  }

  #isKnown(): boolean {
    return this.#answer === 'yes' || (this.#answer === 'unknown' && this.#now() >= MIN_TIME);
  }

  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const { command, timeoutMs: timeout, intervalMs: interval } = this.#options;
    const [program, ...args] = command;
    const options = { ...TOOL, ms: timeout };
    const output = await outputOf(program, args, options).catch(() => '');
    if (this.#answer === 'yes') return;
    this.#answer = output === 'yes' || output === 'no' ? output : 'unknown';
    if (this.#answer !== 'yes') setTimeout(() => void this.#ask(), interval).unref();
  }
}
