import { setImmediate } from 'node:timers/promises';

/** What all processes of one run have under way: while there is something, no time passes. */
export class Activity {
  running = 0;
}

/** One process: what it has begun when it is killed neither happens nor answers. */
export class ProcessLife {
  readonly #activity: Activity;
  #killed = false;

  constructor(activity: Activity) {
    this.#activity = activity;
  }

  kill(): void {
    this.#killed = true;
  }

  /** One act on the outer world: whatever else is ready runs before it, and it does not come if the process is killed by then. */
  async turn(): Promise<void> {
    this.#activity.running += 1;
    await setImmediate();
    this.#activity.running -= 1;
    await this.alive();
  }

  /** Never resolves once the process is killed. */
  async alive(): Promise<void> {
    if (this.#killed) await new Promise(() => undefined);
  }
}
