import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DeviceContext } from '../../src/config/definition.js';
import { rclone } from '../../src/devices/rclone.js';
import type { SourceBench } from '../conformance/source.js';
import type { TargetBench } from '../conformance/target.js';
import type { DavServer } from './dav-servers.js';
import { makeSource, makeTarget } from './device.js';
import { makeOpen, openFolder } from './open-folder.js';
import { findProgram, runProgram } from './program.js';

/** A remote of rclone, whose files lie in a folder of this machine. */
export interface RcloneRemotePlace {
  /** File of its configuration. */
  readonly config: string;
  /** NAME:path. */
  readonly remote: string;
  readonly folder: string;
  /** Removes the configuration, and the folder if it is only for this. */
  remove(): Promise<void>;
}

/** More bytes than the buffers between the file and the reader. */
const BIG = 24 << 20;

export const rcloneProgram = async (): Promise<string> =>
  (await findProgram('rclone', 'usr/bin/rclone')).path;

/** Writes a configuration with one remote, named `cloud`. */
export async function rcloneConfig(settings: Readonly<Record<string, string>>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'filesync-rclone-'));
  const file = join(home, 'rclone.conf');
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  await writeFile(file, `[cloud]\n${lines.join('')}`);
  return file;
}

/** A folder of this machine. */
export async function localRemote(
  settings: Readonly<Record<string, string>> = {},
): Promise<RcloneRemotePlace> {
  const config = await rcloneConfig({ type: 'local', ...settings });
  const folder = join(dirname(config), 'files');
  await makeOpen(folder);
  return { config, folder, remote: `cloud:${folder}`, remove: () => removed(config) };
}

/** The folder of a WebDAV server. */
export async function davRemote({ url, user, password, folder }: DavServer): Promise<RcloneRemotePlace> {
  const program = await findProgram('rclone', 'usr/bin/rclone');
  const pass = (await runProgram(program, ['obscure', password])).trim();
  const config = await rcloneConfig({ type: 'webdav', vendor: 'other', url, user, pass });
  return { config, folder, remote: 'cloud:', remove: () => removed(config) };
}

/** Removes a configuration with its folder. */
export const removed = (config: string): Promise<void> =>
  rm(dirname(config), { recursive: true, force: true });

export interface RcloneProcess {
  readonly pid: number;
  /** Its command line. */
  readonly words: readonly string[];
  /** rclone itself, not the shell that ends it. */
  readonly isRclone: boolean;
  /** By SIGSTOP. */
  readonly isStopped: boolean;
}

/** Those that run with that configuration, the oldest first. */
export async function rcloneProcesses(config: string): Promise<RcloneProcess[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async pid => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const words = line.split('\0');
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return {
        pid: Number(pid),
        words,
        isRclone: words[1] === 'rcd',
        isStopped: /^\d+ \(.*\) T/.test(state),
      };
    }),
  );
  return all.filter(({ words }) => words.includes(config)).sort((one, other) => one.pid - other.pid);
}

let benches = 0;

const below = (remote: string, name: string): string =>
  remote.endsWith(':') ? remote + name : `${remote}/${name}`;

/** The device's options for that remote. */
export const rcloneOptions = async ({
  config,
  remote,
}: RcloneRemotePlace): Promise<Record<string, unknown>> => ({
  remote,
  config,
  program: await rcloneProgram(),
});

/** A target with a root of its own that does not exist yet. */
export async function rcloneTargetBench(
  place: RcloneRemotePlace,
  more: Record<string, unknown> = {},
  over: Partial<DeviceContext> = {},
): Promise<TargetBench> {
  const own = `bench ${benches++}`;
  const folder = join(place.folder, own);
  await makeOpen(folder);
  const options = { ...(await rcloneOptions(place)), remote: below(place.remote, `${own}/root`), ...more };
  const target = await makeTarget(rclone, options, over);
  return {
    target,
    read: path => readFile(join(folder, 'root', path)).catch(unlessMissing),
    listAll: async () => (await readdir(folder, { recursive: true }).catch(unlessMissing)) ?? [],
    close: () => target.close(),
  };
}

/** A source with an empty root of its own. */
export async function rcloneSourceBench(
  place: RcloneRemotePlace,
  more: Record<string, unknown> = {},
  holds: (path: string) => boolean = () => true,
): Promise<SourceBench> {
  const own = `source ${benches++}`;
  const root = join(place.folder, own);
  await makeOpen(root);
  const source = await makeSource(rclone, {
    ...(await rcloneOptions(place)),
    remote: below(place.remote, own),
    ...more,
  });
  return { source, big: BIG, holds, ...openFolder(root), close: () => source.close() };
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
