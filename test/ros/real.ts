import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Kept between runs: only the first one builds everything. */
const WORKSPACE = join(ROOT, 'build/ros');
const BUILD_TIMEOUT = 20 * 60_000;

/** The setup file of an installed ROS 2. */
function setupFile(): string | undefined {
  const { ROS_DISTRO } = process.env;
  const installed = existsSync('/opt/ros') ? readdirSync('/opt/ros') : [];
  const names = ROS_DISTRO === undefined ? installed : [ROS_DISTRO, ...installed];
  return names.map(name => `/opt/ros/${name}/setup.bash`).find(existsSync);
}

/** The environment that a shell has after it has sourced the files; ROS's tools want the system's own Python first. */
async function sourced(files: readonly string[], env: Environment): Promise<Environment> {
  const script = `for file in "$@"; do source "$file"; done; env -0`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script, 'bash', ...files], { env });
  const pairs = stdout.split('\0').filter(Boolean);
  return Object.fromEntries(pairs.map(pair => pair.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

function baseEnvironment(): Environment {
  const { HOME = '/', PATH = '' } = process.env;
  const path = [dirname(process.execPath), '/usr/bin', '/bin', PATH].join(':');
  return {
    HOME,
    PATH: path,
    LANG: 'C.UTF-8',
    ROS_AUTOMATIC_DISCOVERY_RANGE: 'LOCALHOST',
    PYTHONUNBUFFERED: '1',
  };
}

/** Where the package is installed, for its files. */
export interface Installation {
  readonly env: Environment;
  readonly prefix: string;
}

/** Builds the package with colcon, or takes the one that `colcon test` has built. */
async function install(setup: string): Promise<Installation> {
  const ros = await sourced([setup], baseEnvironment());
  const built = process.env['FILESYNC_ROS_PREFIX'];
  const prefix = built ?? (await build(ros));
  const env = await sourced([join(prefix, 'share/filesync/local_setup.bash')], ros);
  return { env, prefix };
}

async function build(env: Environment): Promise<string> {
  mkdirSync(WORKSPACE, { recursive: true });
  const colcon = ['colcon', '--log-base', join(WORKSPACE, 'log'), 'build', '--base-paths', ROOT];
  const places = ['--build-base', join(WORKSPACE, 'build'), '--install-base', join(WORKSPACE, 'install')];
  // CMake would take the newest Python that it finds; ROS's own modules are the system's.
  const python = ['--cmake-args', '-DPython3_EXECUTABLE=/usr/bin/python3'];
  // One build at a time, should the tests run twice at once.
  const args = [join(WORKSPACE, 'lock'), ...colcon, ...places, ...python];
  await promisify(execFile)('flock', args, { env, cwd: WORKSPACE, timeout: BUILD_TIMEOUT }).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`colcon build failed:\n${stdout}${stderr}`);
    },
  );
  return join(WORKSPACE, 'install/filesync');
}

let installation: Promise<Installation> | undefined;

/**
 * For a `before` hook: the built package, with ROS sourced. Without ROS the suite is skipped; that is the only reason for
 * which it may be.
 */
export async function requireRos(context: Mocha.Context, domain: number): Promise<Ros> {
  const setup = setupFile();
  if (setup === undefined) context.skip();
  context.timeout(BUILD_TIMEOUT);
  installation ??= install(setup);
  const { env, prefix } = await installation;
  return new Ros({ ...env, ROS_DOMAIN_ID: String(domainOf(domain)) }, prefix);
}

/** Suites and runs must not hear each other; Linux has room for domains 0 to 101. */
const domainOf = (suite: number) => 2 + ((process.pid * 5 + suite) % 100);

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A program that runs with ROS sourced, in a process group of its own. */
export class RosProgram {
  readonly ended: Promise<Ended>;
  output = '';
  readonly #child: ChildProcess;

  constructor(command: string, args: readonly string[], env: Environment, cwd?: string) {
    this.#child = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.#child.stderr?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.ended = once(this.#child, 'close').then(([code]) => ({ code: code as number, output: this.output }));
  }

  /** Resolves when it has said so; rejects if it ends first. */
  async says(text: string | RegExp): Promise<void> {
    while (this.output.search(text) < 0) {
      const chunk = [once(this.#child.stdout!, 'data'), once(this.#child.stderr!, 'data')];
      const event = await Promise.race([...chunk, this.ended]);
      if ('code' in event && this.output.search(text) < 0)
        throw new Error(`ended without saying ${text}:\n${this.output}`);
    }
  }

  /** To the program and all that it has started, as a terminal's Ctrl-C. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) process.kill(-(this.#child.pid as number), signal);
  }

  /** Whether anything of its group is left. */
  get running(): boolean {
    try {
      return process.kill(-(this.#child.pid as number), 0);
    } catch {
      return false;
    }
  }
}

/** ROS's tools and our package, in a graph of their own. */
export class Ros {
  readonly env: Environment;
  readonly prefix: string;
  readonly #programs: RosProgram[] = [];

  constructor(env: Environment, prefix: string) {
    this.env = { ...env, FILESYNC_RCLNODEJS: pathToFileURL(join(prefix, LIBRARY)).href };
    this.prefix = prefix;
  }

  start(command: string, args: readonly string[], cwd?: string): RosProgram {
    const program = new RosProgram(command, args, this.env, cwd);
    this.#programs.push(program);
    return program;
  }

  /** `ros2 ARGS`; its output. Rejects unless it ends well. */
  async ros2(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.start('ros2', args).ended;
    if (code !== 0) throw new Error(`ros2 ${args.join(' ')} ended with ${code}:\n${output}`);
    return output;
  }

  /** Ends whatever still runs. */
  close(): void {
    for (const program of this.#programs) program.signal('SIGKILL');
  }
}

const LIBRARY = 'share/filesync/node_modules/rclnodejs/dist/index.js';
