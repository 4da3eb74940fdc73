import { Wire, type WireConditions } from '../../../bench/link/wire.js';
import type { VirtualClock } from '../../fakes/virtual-clock.js';
import type { Carrier } from './memory-vehicle.js';

/** One direction of an emulated link, in virtual time. */
export class WireCarrier implements Carrier {
  readonly wire: Wire;
  readonly #clock: VirtualClock;
  readonly #waiting: { readonly due: number; deliver(): void }[] = [];
  #running = false;

  constructor(how: WireConditions, seed: number, clock: VirtualClock) {
    this.wire = new Wire(how, seed);
    this.#clock = clock;
  }

  send(size: number, deliver: () => void): void {
    const transmission = this.wire.offer(size, this.#clock.monotonic());
    if (!transmission || transmission.lost) return;
    this.#waiting.push({ due: transmission.arrives, deliver });
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      await this.#clock.sleep(Math.max(0, first.due - this.#clock.monotonic()));
      this.#waiting.shift();
      first.deliver();
    }
    this.#running = false;
  }
}
