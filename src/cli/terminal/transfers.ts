import { Subscription } from 'rxjs';
import type { Engine } from '../../engine/engine.js';
import type { Change, Clock } from '../../ports.js';
import type { Progress } from '../../record/progress.js';

/** A transfer that is under way. */
export interface RunningTransfer extends Progress {
  readonly bytesPerSecond: number;
  readonly secondsLeft?: number;
}

export const keyOf = ({ id, target = '' }: Pick<Progress, 'id' | 'target'>): string => `${id} ${target}`;

interface Begun {
  readonly from: number;
  readonly since: number;
  last: Progress;
}

/** The running transfers of an engine. */
export class Transfers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #begun = new Map<string, Begun>();
  readonly #watching = new Subscription();

  constructor({ progress, records }: Pick<Engine, 'progress' | 'records'>, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#watching.add(progress.subscribe(now => this.#add(now)));
    this.#watching.add(records.changes.subscribe(change => this.#changed(change)));
  }

  list(): RunningTransfer[] {
    const now = this.#clock.monotonic();
    return [...this.#begun.values()].map(({ from, since, last }) => {
      const seconds = (now - since) / 1000;
      const bytesPerSecond = seconds > 0 ? (last.bytes - from) / seconds : 0;
      const isKnown = seconds >= 2 && bytesPerSecond >= 1;
      return {
        ...last,
        bytesPerSecond,
        ...(isKnown && { secondsLeft: (last.size - last.bytes) / bytesPerSecond }),
      };
    });
  }

  stop(): void {
    this.#watching.unsubscribe();
  }

  #add(now: Progress): void {
    const begun = this.#begun.get(keyOf(now));
    if (begun) begun.last = now;
    else this.#begun.set(keyOf(now), { from: now.bytes, since: this.#clock.monotonic(), last: now });
  }

  #changed({ id, record }: Change): void {
    if (record?.copy.state !== 'fetching') this.#begun.delete(keyOf({ id }));
    for (const [target, { state }] of Object.entries(record?.targets ?? {}))
      if (state !== 'sending' && state !== 'committing') this.#begun.delete(keyOf({ id, target }));
  }
}
