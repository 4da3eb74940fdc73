import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PLACE = join(import.meta.dirname, '../../build/servers');

/** A program out of a Debian package that `install.sh` has unpacked. */
export interface Program {
  readonly path: string;
  /** The folder into which its package was unpacked. */
  readonly home: string;
  /** Finds the libraries that came with it. */
  readonly env: Readonly<Record<string, string>>;
}

/** Throws with the cure if it is not there: a missing server is a failure, not a skip. */
export async function findProgram(packageName: string, path: string): Promise<Program> {
  const home = join(PLACE, packageName);
  try {
    await access(join(home, '.complete'));
  } catch {
    throw new Error(`${packageName} is missing: run \`make test\`, or bash test/servers/install.sh`);
  }
  const libraries = await Promise.all(['usr/lib', 'lib'].map(folder => librariesIn(join(home, folder))));
  const folders = libraries.flat();
  return { path: join(home, path), home, env: { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: folders.join(':') } };
}

/** The folders of this machine's architecture. */
async function librariesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter(name => name.endsWith('-linux-gnu')).map(name => join(folder, name));
}

/** Runs a program to its end and gives what it printed. */
export async function runProgram(
  program: Program,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(program.path, args, { env: { ...program.env, ...env } });
  return stdout;
}

/** Servers that still run: none may outlive the tests. */
const running = new Set<Daemon>();
process.on('exit', () => {
  for (const daemon of running) daemon.signal('SIGKILL');
});

/** A server process with its children, in a process group of its own. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #said = '';

  constructor(program: Program, args: readonly string[]) {
    this.#child = spawn(program.path, args, {
      env: program.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (text: Buffer) => (this.#said += text.toString()));
    this.#child.stderr?.on('data', (text: Buffer) => (this.#said += text.toString()));
    this.#ended = new Promise(resolve => this.#child.once('close', () => resolve()));
    running.add(this);
  }

  /** What it printed. */
  get said(): string {
    return this.#said;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, name);
    } catch {
      running.delete(this);
    }
  }

  /** Kills it with all its children, and waits for the end. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
    running.delete(this);
  }
}
