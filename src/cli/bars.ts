import { MultiBar, type SingleBar } from 'cli-progress';
import { groupBy, mergeMap, Subscription, throttleTime, asyncScheduler, type Observable } from 'rxjs';
import type { Progress } from '../record/progress.js';
import { formatSize } from '../system/size.js';
import { plain } from './print.js';
import type { Shell } from './shell.js';

/** Between two updates of a bar. */
const REFRESH_INTERVAL_MS = 100;
const NAME_WIDTH = 40;

/** One bar per running transfer, with rate and time left; log lines go above them. */
export class TransferBars {
  readonly #bars: MultiBar;
  readonly #running = new Map<
    string,
    { readonly bar: SingleBar; readonly from: number; readonly since: number }
  >();
  readonly #watching = new Subscription();
  readonly #shell: Shell;

  constructor(shell: Shell) {
    this.#shell = shell;
    this.#bars = new MultiBar({
      stream: shell.terminal,
      format: '{name} {bar} {percentage}% {done}/{all} {rate}/s {eta_formatted} left',
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      fps: 1000 / REFRESH_INTERVAL_MS,
      barsize: Math.max(10, Math.min(40, shell.columns - NAME_WIDTH - 45)),
    });
  }

  watch(progress: Observable<Progress>): void {
    const calm = progress.pipe(
      groupBy(keyOf),
      mergeMap(one =>
        one.pipe(throttleTime(REFRESH_INTERVAL_MS, asyncScheduler, { leading: true, trailing: true })),
      ),
    );
    this.#watching.add(calm.subscribe(now => this.#show(now)));
  }

  above(line: string): void {
    this.#bars.log(`${line}\n`);
    this.#bars.update();
  }

  stop(): void {
    this.#watching.unsubscribe();
    this.#bars.stop();
  }

  #show(now: Progress): void {
    const key = keyOf(now);
    const { bar, from, since } = this.#running.get(key) ?? this.#begin(key, now);
    const seconds = (this.#shell.clock.monotonic() - since) / 1000;
    const rate = seconds > 0 ? formatSize((now.bytes - from) / seconds) : '-';
    bar.update(now.bytes, { done: formatSize(now.bytes), rate });
    if (now.bytes < now.size) return;
    this.#bars.remove(bar);
    this.#running.delete(key);
  }

  #begin(key: string, now: Progress) {
    const name = nameOf(now);
    const bar = this.#bars.create(now.size, now.bytes, {
      name,
      all: formatSize(now.size),
      done: '',
      rate: '-',
    });
    const begun = { bar, from: now.bytes, since: this.#shell.clock.monotonic() };
    this.#running.set(key, begun);
    return begun;
  }
}

const keyOf = ({ id, target = '' }: Progress) => `${id} ${target}`;

function nameOf({ device, path, target }: Progress): string {
  const name = plain(target === undefined ? `${device}:${path}` : `${path} -> ${target}`);
  return name.length <= NAME_WIDTH ? name.padEnd(NAME_WIDTH) : `…${name.slice(1 - NAME_WIDTH)}`;
}
