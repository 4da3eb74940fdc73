import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { file, type File } from '../../src/api/schema.js';
import type { Place, Program } from './program.js';

const run = promisify(execFile);

/** Writes the file, with its folders; gives its path. */
export async function put(path: string, bytes: Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

/** Paths of all files below the folder, sorted; none if there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter(entry => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort();
}

export interface FoldersOptions {
  /** Keys of the rule, besides its ends. */
  readonly rule?: object;
  /** Keys of the top level. */
  readonly top?: object;
  readonly devices?: object;
}

/** A configuration whose rule takes what comes into the folder `inbox`, at once, to the folder `outbox`, under its own name. */
export const folders = ({ rule = {}, top = {}, devices = {} }: FoldersOptions = {}): object => ({
  local: './data',
  devices: {
    inbox: { type: 'directory', path: './inbox' },
    outbox: { type: 'directory', path: './outbox' },
    ...devices,
  },
  rules: [{ from: 'inbox', to: ['outbox'], settle: 0, path: '{file.path}', ...rule }],
  ...top,
});

/** What `filesync files` says. */
export async function records(place: Place, config: string, ...options: string[]): Promise<File[]> {
  const { code, stdout, stderr } = await place.run(['files', '-c', config, '--json', ...options]);
  assert.equal(code, 0, stderr);
  return jsonLines(stdout).map(line => file.parse(line));
}

/** Values of JSON lines. */
export const jsonLines = (text: string): unknown[] =>
  text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as unknown]));

/** `path STATE` of each record, sorted. */
export async function states(place: Place, config: string, ...options: string[]): Promise<string[]> {
  const files = await records(place, config, ...options);
  return files.map(({ path, state }) => `${path} ${state}`).sort();
}

/** Runs one pass, which has to end with that code; gives all that it said. */
export async function sync(
  place: Place,
  config: string,
  { code = 0, env = {} }: { code?: number; env?: Record<string, string> } = {},
): Promise<string> {
  const ended = await place.run(['sync', '-c', config], env);
  assert.equal(ended.code, code, ended.stdout + ended.stderr);
  return ended.stdout + ended.stderr;
}

/** A simulated autopilot in a process of its own. */
export interface VehicleProcess {
  readonly program: Program;
  readonly url: string;
  /** Of a file on its card. */
  path(name: string): string;
  /** Arms or disarms it. */
  toggleArmed(): void;
}

/** Starts `filesync sim` on the folder `card` of the place. */
export async function startVehicle(place: Place, ...options: string[]): Promise<VehicleProcess> {
  await mkdir(place.path('card'), { recursive: true });
  const program = place.start(['sim', place.path('card'), '--listen', '127.0.0.1:0', ...options]);
  await program.says(/autopilot at udp:/);
  const port = /udp:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1];
  return {
    program,
    url: `udp://127.0.0.1:0@127.0.0.1:${port}`,
    path: name => place.path('card', name),
    toggleArmed: () => void program.child.kill('SIGUSR1'),
  };
}

/** Why this process cannot mount a small disk; undefined if it can. */
export const whyNoMount = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root, to mount';

/** A file system of that size under the name, in memory, gone with the place. */
export async function smallDisk(place: Place, name: string, size: string): Promise<string> {
  const path = place.path(name);
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', path]);
  place.use({ close: () => run('umount', ['-l', path]) });
  return path;
}
