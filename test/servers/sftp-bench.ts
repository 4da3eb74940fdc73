import { readdir, readFile, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { sftp } from '../../src/devices/sftp.js';
import type { SourceBench } from '../conformance/source.js';
import type { TargetBench } from '../conformance/target.js';
import { makeSource, makeTarget } from './device.js';
import { makeOpen, openFolder } from './open-folder.js';
import type { SftpServer } from './sftp-servers.js';

/** More bytes than both sides' socket buffers on the loopback. */
const BIG = 16 << 20;

type Place = Omit<SftpServer, 'kill' | 'restart' | 'stop'>;

let benches = 0;

/** The device's options for that server. */
export function sftpOptions({ host, port, user, key, knownHosts, root }: Place): Record<string, unknown> {
  return { host, port, user, key: { file: key }, known_hosts: knownHosts, root };
}

/** A target with an empty root of its own on a shared server. */
export async function sftpTargetBench(
  place: Place,
  more: Record<string, unknown> = {},
): Promise<TargetBench> {
  const own = `bench ${benches++}`;
  const root = posix.join(place.root, own, 'root');
  const target = await makeTarget(sftp, { ...sftpOptions(place), root, ...more });
  const folder = join(place.folder, own);
  return {
    target,
    read: path => readFile(join(folder, 'root', path)).catch(unlessMissing),
    listAll: async () => (await readdir(folder, { recursive: true }).catch(unlessMissing)) ?? [],
    close: () => target.close(),
  };
}

/** A source on a folder of its own, on a shared server. */
export async function sftpSourceBench(
  place: Place,
  more: Record<string, unknown> = {},
): Promise<SourceBench> {
  const own = `source ${benches++}`;
  const root = join(place.folder, own);
  await makeOpen(root);
  const source = await makeSource(sftp, {
    ...sftpOptions(place),
    root: posix.join(place.root, own),
    ...more,
  });
  return {
    source,
    big: BIG,
    ...openFolder(root),
    close: async () => {
      await source.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
