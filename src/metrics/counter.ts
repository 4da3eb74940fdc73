import type { Family, Labels } from './text.js';

/** More combinations of labels than any configuration has: what comes after them is not counted. */
const MAX_SERIES = 2000;

/** A number for each combination of labels that only grows. */
export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels, value = 1): void {
    const key = JSON.stringify(labels);
    const known = this.#series.get(key);
    if (known) known.value += value;
    else if (this.#series.size < MAX_SERIES) this.#series.set(key, { labels, value });
  }

  get family(): Family {
    return { name: this.#name, help: this.#help, type: 'counter', samples: [...this.#series.values()] };
  }
}
