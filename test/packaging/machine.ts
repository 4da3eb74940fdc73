import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild, type ProgramResult } from '../../src/system/child.js';
import { eventually } from '../conformance/support.js';

const BOOT = fileURLToPath(new URL('boot.sh', import.meta.url));
/** The oldest Debian that the package is for. */
const SUITE = 'bookworm';
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const MAX_COMMAND_MS = 300_000;
/** Of terminals there. */
export const COLUMNS = 120;
export const ROWS = 40;

/** Why such machines cannot be made here, as the end of a title; empty if they can. */
export function whyNoMachine(): string {
  const isMissing = (name: string) => !PATH.split(delimiter).some(folder => exists(join(folder, name)));
  const missing = ['dpkg-deb', 'debootstrap', 'unshare', 'nsenter'].filter(isMissing);
  if (process.env['FILESYNC_PACKAGING'] !== '1') return ': skipped';
  if (missing.length > 0) return `: skipped, this machine has no ${missing.join(', ')}`;
  return process.getuid?.() === 0 ? '' : ': skipped, it needs root';
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program as root on this machine. */
export function run(program: string, ...args: string[]): Promise<ProgramResult> {
  return runIn({}, program, ...args);
}

export function runIn(
  env: Record<string, string>,
  program: string,
  ...args: string[]
): Promise<ProgramResult> {
  const all = { PATH, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...env };
  return runChild(program, args, { env: all, ms: MAX_COMMAND_MS, remedy: 'none' });
}

/** Returns what it printed. */
export async function succeeds(outcome: Promise<ProgramResult>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

/** Makes a Debian with these packages. */
export async function debootstrap(folder: string, packages: readonly string[]): Promise<void> {
  const include = `--include=${packages.join()}`;
  // In a mount namespace, so that no mount below the folder is left when the folder is removed.
  await succeeds(run('unshare', '--mount', 'debootstrap', '--variant=minbase', include, SUITE, folder));
}

/** A Debian that has booted, with systemd, in namespaces of its own; without a network but its loopback. */
export class Machine {
  readonly folder: string;
  readonly #unshare: ChildProcess;
  readonly #group: string;
  #first = 0;

  static async boot(folder: string): Promise<Machine> {
    const machine = new Machine(folder, join(await unifiedGroups(), `filesync-test-${process.pid}`));
    await eventually(async () => (machine.#first = await machine.#firstProcess()) > 0);
    await eventually(async () =>
      /running|degraded/.test((await machine.run('systemctl is-system-running')).stdout),
    );
    return machine;
  }

  private constructor(folder: string, group: string) {
    this.folder = folder;
    this.#group = group;
    this.#unshare = spawn('bash', [BOOT, folder, group], { stdio: ['ignore', 'inherit', 'inherit'] });
  }

  /** Runs a script of the shell there, as root. */
  run(script: string): Promise<ProgramResult> {
    return run('nsenter', ...this.#inside('sh', '-ec', script));
  }

  /** Starts a program there as root, on a terminal of its own: what is written to it is typed. */
  onTerminal(command: string): ChildProcess {
    const script = ['script', '-qefc', `stty cols ${COLUMNS} rows ${ROWS} && ${command}`, '/dev/null'];
    return spawn('nsenter', this.#inside(...script), { env: { PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
  }

  #inside(...command: readonly string[]): string[] {
    const env = [
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'LC_ALL=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive',
      'HOME=/root',
      'SHELL=/bin/sh',
      'TERM=xterm-256color',
    ];
    return ['-t', String(this.#first), '-a', 'env', '-i', ...env, ...command];
  }

  /** Returns what it printed. */
  succeeds(script: string): Promise<string> {
    return succeeds(this.run(script));
  }

  /** Kills all that runs there. */
  async stop(): Promise<void> {
    const ended = once(this.#unshare, 'exit');
    this.#unshare.kill('SIGKILL');
    await ended;
    await eventually(() =>
      removeGroups(this.#group).then(
        () => true,
        () => false,
      ),
    );
  }

  /** systemd, once it has taken the place of the script. */
  async #firstProcess(): Promise<number> {
    const { pid } = this.#unshare;
    const [child = ''] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ');
    const command = child && (await readFile(`/proc/${child}/comm`, 'utf8'));
    return command.trim() === 'systemd' ? Number(child) : 0;
  }
}

/** Where the cgroup2 hierarchy is mounted. */
async function unifiedGroups(): Promise<string> {
  const line = (await readFile('/proc/mounts', 'utf8'))
    .split('\n')
    .find(text => text.split(' ')[2] === 'cgroup2');
  assert.ok(line, 'this machine has no cgroup2 hierarchy');
  return line.split(' ')[1] ?? '';
}

async function removeGroups(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroups(join(folder, entry.name));
  }
  await rmdir(folder);
}
