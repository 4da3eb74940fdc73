import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
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
    ROS_LOG_DIR: join(WORKSPACE, 'ros-log'),
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
  context.timeout(BUILD_TIMEOUT);
  return (await findRos(domain)) ?? context.skip();
}

/** The built package, with ROS sourced; undefined where no ROS is installed. */
export async function findRos(domain: number): Promise<Ros | undefined> {
  const setup = setupFile();
  if (setup === undefined) return undefined;
  installation ??= install(setup);
  const { env, prefix } = await installation;
  return new Ros(env, prefix, await Domain.reserve(domain));
}

/** Linux has room for domains 0 to 101; 0 is the default of every node. */
const DOMAINS = 100;
/** TCP ports by which the other runs of this machine know which domains are taken. */
const FIRST_PORT = 27_200;

/** A graph of its own: suites and runs must not hear each other. */
class Domain {
  readonly id: number;
  readonly #server: Server;

  private constructor(id: number, server: Server) {
    this.id = id;
    this.#server = server;
  }

  static async reserve(wanted: number): Promise<Domain> {
    for (let tries = 0; tries < DOMAINS; tries++) {
      const index = (process.pid * 5 + wanted + tries) % DOMAINS;
      const server = await listening(FIRST_PORT + index);
      if (server) return new Domain(2 + index, server);
    }
    throw new Error('every ROS domain is taken');
  }

  free(): void {
    this.#server.close();
  }
}

/** Undefined if the port is in use. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer().unref();
  server.listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** ms, even on a busy machine. */
const SAYS_LIMIT = 90_000;

/** A program that runs with ROS sourced, in a process group of its own. */
export class RosProgram {
  readonly ended: Promise<Ended>;
  output = '';
  #isOver = false;
  readonly #child: ChildProcess;

  constructor(command: string, args: readonly string[], env: Environment, cwd?: string) {
    this.#child = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.#child.stderr?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.ended = once(this.#child, 'close').then(([code]) => {
      this.#isOver = true;
      return { code: code as number, output: this.output };
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Resolves when it has said so; rejects if it ends without, or does not say it for a minute and a half. */
  async says(text: string | RegExp): Promise<void> {
    const deadline = performance.now() + SAYS_LIMIT;
    while (this.output.search(text) < 0) {
      if (this.#isOver || performance.now() > deadline)
        throw new Error(`never said ${text}:\n${this.output}`);
      await delay(20);
    }
  }

  /** To the program and all that it has started, as a terminal's Ctrl-C. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) process.kill(-this.pid, signal);
  }

  /** To the program alone, as `kill` or a service manager. */
  signalAlone(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Whether anything of its group is left. */
  get running(): boolean {
    try {
      return process.kill(-this.pid, 0);
    } catch {
      return false;
    }
  }
}

/** ms that a tool is given: one that waits for what never comes would wait for ever. */
const TOOL_LIMIT = 60_000;
const LOOKS = 10;

/** ROS's tools and our package, in a graph of their own. */
export class Ros {
  readonly env: Environment;
  readonly prefix: string;
  readonly #domain: Domain;
  readonly #programs: RosProgram[] = [];

  constructor(env: Environment, prefix: string, domain: Domain) {
    const library = pathToFileURL(join(prefix, LIBRARY)).href;
    this.env = { ...env, ROS_DOMAIN_ID: String(domain.id), FILESYNC_RCLNODEJS: library };
    this.prefix = prefix;
    this.#domain = domain;
  }

  start(command: string, args: readonly string[], cwd?: string): RosProgram {
    const program = new RosProgram(command, args, this.env, cwd);
    this.#programs.push(program);
    return program;
  }

  /** `ros2 ARGS`; its output. Rejects unless it ends well, and soon. */
  async ros2(...args: readonly string[]): Promise<string> {
    const tool = this.start('ros2', args);
    const limit = setTimeout(() => tool.signal('SIGKILL'), TOOL_LIMIT);
    const { code, output } = await tool.ended;
    clearTimeout(limit);
    if (code !== 0) throw new Error(`ros2 ${args.join(' ')} ended with ${code}:\n${output}`);
    return output;
  }

  /**
   * The output of `ros2 COMMAND VERB ARGS` once it has all the words, since a tool may print before it has found the node.
   * Without the tools' daemon, which would outlive the test.
   */
  async look(words: readonly (string | RegExp)[], command: string, verb: string, ...args: string[]) {
    for (let looks = 1; ; looks++) {
      const output = await this.ros2(command, verb, '--no-daemon', ...args).catch(String);
      const missing = words.filter(word => output.search(word) < 0);
      if (missing.length === 0) return output;
      if (looks === LOOKS)
        throw new Error(`${command} ${verb} says nothing of ${missing.join()}:\n${output}`);
    }
  }

  /** Kills whatever still runs. */
  async endAll(): Promise<void> {
    for (const program of this.#programs) program.signal('SIGKILL');
    await Promise.all(this.#programs.splice(0).map(({ ended }) => ended));
  }

  /** Ends whatever still runs. */
  close(): void {
    for (const program of this.#programs) program.signal('SIGKILL');
    this.#domain.free();
  }
}

const LIBRARY = 'share/filesync/node_modules/rclnodejs/dist/index.js';
