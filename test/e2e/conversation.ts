import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MAIN } from './program.js';

const MAX_WAIT_MS = 60_000;

/** A program at a terminal of its own (`script` of util-linux), with a person who types. */
export class Conversation {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  /** All that was seen on it. */
  seen = '';
  #read = 0;

  /** `filesync` with those arguments. */
  static start(
    args: readonly string[],
    { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
  ): Conversation {
    const command = [process.execPath, MAIN, ...args].map(word => `'${word}'`).join(' ');
    const own = { PATH: process.env['PATH'], HOME: cwd, SHELL: '/bin/sh', TERM: 'dumb', ...env };
    const child = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd,
      env: own,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return new Conversation(child);
  }

  /** With a child whose standard input and output are a terminal's. */
  constructor(child: ChildProcess) {
    this.#child = child;
    this.#child.stdout?.on('data', (data: Buffer) => (this.seen += data.toString()));
    this.#ended = once(this.#child, 'close').then(([code]) => code as number);
  }

  /** Resolves when the text is seen behind the last one that was waited for. */
  async sees(text: string): Promise<void> {
    const until = AbortSignal.timeout(MAX_WAIT_MS);
    for (;;) {
      const at = this.seen.indexOf(text, this.#read);
      if (at >= 0) return void (this.#read = at + text.length);
      if (this.#child.exitCode !== null) throw new Error(`ended without ${text}: ${this.seen}`);
      const event = once(this.#child.stdout!, 'data', { signal: until });
      await Promise.race([event, this.#ended]).catch(() => {
        throw new Error(`does not say ${text}: ${this.seen}`);
      });
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Answers each question when it is asked. */
  async answer(dialogue: readonly (readonly [question: string, answer: string])[]): Promise<void> {
    for (const [question, answer] of dialogue) {
      await this.sees(question);
      this.type(`${answer}\r`);
    }
  }

  /** The exit code. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
