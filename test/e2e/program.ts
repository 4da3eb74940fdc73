import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program as a child process: `main`, or what `npm run build` has made. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; main?: string; stdin?: 'ignore' | 'pipe' } = {},
  ) {
    const env = { PATH: process.env['PATH'], HOME: options.cwd, ...options.env };
    this.child = spawn(process.execPath, [options.main ?? MAIN, ...args], {
      cwd: options.cwd,
      env,
      stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      return {
        code: code as number,
        signal: signal as NodeJS.Signals,
        stdout: this.stdout,
        stderr: this.stderr,
      };
    });
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Resolves when the output holds the text; rejects if the program ends first. */
  async says(text: string | RegExp): Promise<void> {
    const said = () => (this.stdout + this.stderr).search(text) >= 0;
    while (!said()) {
      const waited = new AbortController();
      const more = [this.child.stdout!, this.child.stderr!].map(async stream => {
        return once(stream, 'data', { signal: waited.signal });
      });
      const event = await Promise.race([...more, this.ended]);
      waited.abort();
      await Promise.allSettled(more);
      if ('code' in event && !said())
        throw new Error(`ended without saying ${text}: ${event.stdout}${event.stderr}`);
    }
  }
}

/** The disk of a test machine may be nearly full, and what a rule deletes from its source goes without delay. */
function forTests(config: object): object {
  const { rules } = config as { readonly rules?: readonly object[] };
  const hurried = rules?.map(rule => ({ delete_after: 0, ...rule }));
  return { min_free: 0, ...config, ...(hurried && { rules: hurried }) };
}

/** A folder of its own for one test, with a way to run the program in it. Whatever still runs is killed at the end. */
export class Place {
  readonly folder: string;
  readonly #programs: Program[] = [];
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'filesync-e2e-')));
  }

  /** Runs the test in a place of its own. */
  static async with(test: (place: Place) => Promise<void>): Promise<void> {
    const place = await Place.make();
    try {
      await test(place);
    } finally {
      await place.close();
    }
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Closed with the place, last in first out. */
  use<T extends { close(): Promise<unknown> }>(resource: T): T {
    this.#closers.push(() => resource.close());
    return resource;
  }

  /** Makes a file of zeros that takes no space. No program has it open afterwards: what is open for writing would not be taken. */
  async sparse(path: string, size: number): Promise<void> {
    const file = this.path(path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
    await truncate(file, size);
  }

  /** Writes the configuration, text or a value; a value gets what tests need, unless it says otherwise. */
  async configure(config: string | object, name = 'filesync.yaml'): Promise<string> {
    const file = this.path(name);
    await writeFile(file, typeof config === 'string' ? config : stringify(forTests(config)));
    return file;
  }

  start(
    args: readonly string[],
    env: Record<string, string> = {},
    main = MAIN,
    stdin: 'ignore' | 'pipe' = 'ignore',
  ): Program {
    const program = new Program(args, { cwd: this.folder, env, main, stdin });
    this.#programs.push(program);
    return program;
  }

  run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    return this.start(args, env).ended;
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map(program => program.kill('SIGKILL')));
    for (const closer of this.#closers.reverse()) await closer();
    await rm(this.folder, { recursive: true, force: true });
  }
}
