import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import xterm from '@xterm/headless';
import { MAIN, type Place } from './program.js';

const run = promisify(execFile);

/** Columns and rows of a terminal. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const SCROLLBACK_ROWS = 5_000;

/** What a terminal showed after one piece of output. */
export interface Shown {
  /** The rows of the screen, from the top, without trailing blanks. */
  readonly screen: readonly string[];
  /** Scrollback and screen as lines: rows that the terminal has wrapped are joined. */
  readonly lines: readonly string[];
}

/** A piece of output, and when it came, by the clock of performance.now(). */
export interface Piece {
  readonly atMs: number;
  readonly text: string;
}

function shownBy({ buffer: { active, normal }, rows }: xterm.Terminal): Shown {
  const row = (index: number) => active.getLine(index)?.translateToString(true) ?? '';
  const screen = Array.from({ length: rows }, (_, index) => row(normal.baseY + index).trimEnd());
  const lines: string[] = [];
  for (let index = 0; index < active.length; index++)
    if (active.getLine(index)?.isWrapped) lines.push(`${lines.pop() ?? ''}${row(index)}`);
    else lines.push(row(index));
  while (lines.at(-1)?.trim() === '') lines.pop();
  return { screen, lines: lines.map(line => line.trimEnd()) };
}

const emulatorOf = ({ columns, rows }: Size) =>
  new xterm.Terminal({ cols: columns, rows, scrollback: SCROLLBACK_ROWS, allowProposedApi: true });

/** What a terminal of that size shows after that output. */
export async function shownAfter(output: string, size: Size): Promise<Shown> {
  const emulator = emulatorOf(size);
  await new Promise<void>(resolve => emulator.write(output, resolve));
  const shown = shownBy(emulator);
  emulator.dispose();
  return shown;
}

/**
 * The real program on a pseudo-terminal, made by script(1), whose output a terminal emulator interprets. Asserts are about
 * what a person sees.
 */
export class TerminalProgram {
  readonly ended: Promise<number>;
  /** All output, escape sequences included, as it came. */
  readonly pieces: Piece[] = [];
  readonly #child: ChildProcess;
  readonly #emulator: xterm.Terminal;
  readonly #deviceFile: string;
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  private constructor(place: Place, command: string, deviceFile: string, size: Size, env: object) {
    this.#deviceFile = deviceFile;
    this.#emulator = emulatorOf(size);
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd: place.folder,
      env: {
        PATH: process.env['PATH'],
        HOME: place.folder,
        TERM: 'xterm-256color',
        SHELL: '/bin/sh',
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (data: Buffer) => this.#show(data));
    this.ended = once(this.#child, 'close').then(async ([code]) => {
      await this.#settled();
      this.#isOver = true;
      this.#notify();
      return code as number;
    });
    place.use({ close: () => this.close() });
  }

  /** Starts `filesync` with those arguments, which a shell reads. */
  static start(
    place: Place,
    args: string,
    size: Size,
    env: Readonly<Record<string, string>> = {},
  ): TerminalProgram {
    const deviceFile = place.path(`tty-${Math.random()}`);
    const { columns, rows } = size;
    const setUp = `stty cols ${columns} rows ${rows} && tty > '${deviceFile}'`;
    const command = `${setUp} && exec '${process.execPath}' '${MAIN}' ${args}`;
    return new TerminalProgram(place, command, deviceFile, size, env);
  }

  get shown(): Shown {
    return shownBy(this.#emulator);
  }

  /** All output, escape sequences included. */
  get raw(): string {
    return this.pieces.map(({ text }) => text).join('');
  }

  get text(): string {
    return this.shown.lines.join('\n');
  }

  /** Resolves to what is shown when that satisfies the condition; rejects if the program ends before. */
  async shows(condition: RegExp | ((shown: Shown) => boolean)): Promise<Shown> {
    const isMet = ({ screen, lines }: Shown) =>
      condition instanceof RegExp ? condition.test(screen.join('\n')) : condition({ screen, lines });
    for (;;) {
      const { shown } = this;
      if (isMet(shown)) return shown;
      if (this.#isOver) throw new Error(`ended without showing ${condition.toString()}:\n${this.text}`);
      await new Promise<void>(resolve => this.#watchers.add(resolve));
    }
  }

  /** Changes the size of the terminal, which sends SIGWINCH to the program. */
  async resize({ columns, rows }: Size): Promise<void> {
    this.#emulator.resize(columns, rows);
    const device = (await readFile(this.#deviceFile, 'utf8')).trim();
    await run('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** What a person types. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
    this.#emulator.dispose();
  }

  #show(data: Buffer): void {
    this.pieces.push({ atMs: performance.now(), text: data.toString() });
    this.#emulator.write(data, () => this.#notify());
  }

  /** Resolves when all output has been interpreted. */
  async #settled(): Promise<void> {
    await new Promise<void>(resolve => this.#emulator.write('', resolve));
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}
