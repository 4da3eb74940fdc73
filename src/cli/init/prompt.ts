import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { FileSyncError } from '../../errors.js';
import type { Conversation } from '../shell.js';

export interface Choice<Value> {
  readonly value: Value;
  readonly text: string;
}

/** Questions on a terminal. All methods throw `cancelled` when the input ends or Ctrl-C is pressed. */
export class Prompt {
  readonly #readline: Interface;
  readonly #output: NodeJS.WritableStream;
  readonly #ended = new AbortController();
  #hidden = false;

  constructor({ input, output, interrupt }: Conversation) {
    this.#output = output;
    const shown = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#hidden) output.write(chunk);
        done();
      },
    });
    this.#readline = createInterface({ input, output: shown, terminal: true });
    this.#readline.once('close', () => this.#ended.abort());
    this.#readline.once('SIGINT', () => {
      this.#ended.abort();
      interrupt();
    });
  }

  say(line = ''): void {
    this.#output.write(`${line}\n`);
  }

  /** Asks again until `problem` has none. An empty answer is the default, where there is one. */
  async ask(
    question: string,
    { otherwise, problem }: { otherwise?: string; problem?: (text: string) => string | undefined } = {},
  ): Promise<string> {
    for (;;) {
      const typed = (await this.#line(`${question}${otherwise ? ` [${otherwise}]` : ''}: `)).trim();
      const answer = typed === '' ? (otherwise ?? '') : typed;
      const refusal = answer === '' && otherwise === undefined ? 'an answer is needed' : problem?.(answer);
      if (refusal === undefined) return answer;
      this.say(`  ${refusal}`);
    }
  }

  async confirm(question: string, otherwise: boolean): Promise<boolean> {
    for (;;) {
      const typed = (await this.#line(`${question} ${otherwise ? '[Y/n]' : '[y/N]'} `)).trim();
      if (typed === '') return otherwise;
      if (/^(y|yes|n|no)$/i.test(typed)) return /^y/i.test(typed);
      this.say('  answer y or n');
    }
  }

  async choose<Value>(question: string, choices: readonly Choice<Value>[]): Promise<Value> {
    this.say(question);
    choices.forEach(({ text }, index) => this.say(`  ${index + 1}) ${text}`));
    for (;;) {
      const typed = await this.ask('Number', { otherwise: '1' });
      const choice = choices[Number(typed) - 1];
      if (choice) return choice.value;
      this.say(`  a number from 1 to ${choices.length}`);
    }
  }

  /** What is typed is not shown. */
  async secret(question: string): Promise<string> {
    this.#output.write(`${question} (not shown): `);
    this.#hidden = true;
    try {
      return await this.#line('');
    } finally {
      this.#hidden = false;
      this.say();
    }
  }

  close(): void {
    this.#readline.close();
  }

  async #line(question: string): Promise<string> {
    try {
      return await this.#readline.question(question, { signal: this.#ended.signal });
    } catch (cause) {
      throw new FileSyncError('cancelled', 'ended before all was answered: nothing was written', { cause });
    }
  }
}
