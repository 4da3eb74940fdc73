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
  /** A file that is there once systemd-timesyncd has set the clock. */
  readonly flag: string;
  /** Prints `yes` or `no`: whether the kernel's clock is synchronised, by whatever program. */
  readonly command: readonly [string, ...string[]];
  /** ms that an answer may take. */
  readonly timeoutMs: number;
  /** ms between an answer that is not `yes` and the next question. */
  readonly intervalMs: number;
  /** ms between two looks at the flag. */
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
 * Whether the wall clock is known to be right. Watching begins with the first question, ends when the clock is right, and
 * does not keep the program alive.
 */
export class TimeSync {
  readonly #now: () => number;
  readonly #options: TimeSyncOptions;
  #answer: 'pending' | 'yes' | 'no' | 'unknown' = 'pending';
  #watching = false;
  /** When the flag was last looked at, by `performance.now`. */
  #checkedAt = -Infinity;

  /** @param now wall time, ms since the Unix epoch */
  constructor(now: () => number, options: Partial<TimeSyncOptions> = {}) {
    this.#now = now;
    this.#options = { ...SYSTEMD, ...options };
  }

  /** False until the first answer. Where nobody can tell, a clock after the floor date is taken to be right. */
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
