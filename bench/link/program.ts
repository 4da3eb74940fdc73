import { fork, type ChildProcess } from 'node:child_process';
import type { LinkConditions, LinkReport } from './emulator.js';
import type { Order, VehicleOrder } from './far-side.js';

interface Answer {
  readonly id: number;
  readonly result: unknown;
}

/** A running vehicle or link. */
export interface Handle<Report> {
  readonly port: number;
  close(): Promise<Report>;
}

/** A separate program that runs vehicles or links. */
export class FarSide {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #orders = 0;

  constructor() {
    const program = new URL('./far-side.ts', import.meta.url);
    this.#child = fork(program, { execArgv: ['--import=tsx'] });
    this.#child.on('message', ({ id, result }: Answer) => {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  vehicle(how: VehicleOrder): Promise<Handle<{ requests: number }>> {
    return this.#open({ open: 'vehicle', how });
  }

  link(how: LinkConditions): Promise<Handle<LinkReport>> {
    return this.#open({ open: 'link', how });
  }

  end(): void {
    this.#child.disconnect();
  }

  async #open<Report>(what: WithoutId<Order>): Promise<Handle<Report>> {
    const id = ++this.#orders;
    const port = (await this.#ask({ ...what, id })) as number;
    const close = () => this.#ask({ id: ++this.#orders, close: id }) as Promise<Report>;
    return { port, close };
  }

  #ask(order: Order): Promise<unknown> {
    return new Promise(resolve => {
      this.#waiting.set(order.id, resolve);
      this.#child.send(order);
    });
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
