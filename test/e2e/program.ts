import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program as a child process, as `npm run build` has made it. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
    const env = { PATH: process.env['PATH'], HOME: options.cwd, ...options.env };
    this.child = spawn(process.execPath, [MAIN, ...args], {
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
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
      const event = await Promise.race([
        once(this.child.stdout!, 'data'),
        once(this.child.stderr!, 'data'),
        this.ended,
      ]);
      if ('code' in event && !said())
        throw new Error(`ended without saying ${text}: ${event.stdout}${event.stderr}`);
    }
  }
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

  async configure(config: unknown, name = 'filesync.yaml'): Promise<string> {
    const file = this.path(name);
    await writeFile(file, typeof config === 'string' ? config : stringify(config));
    return file;
  }

  start(args: readonly string[], env: Record<string, string> = {}): Program {
    const program = new Program(args, { cwd: this.folder, env });
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
