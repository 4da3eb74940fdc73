import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { ftp } from '../../src/devices/ftp.js';
import type { TargetBench } from '../conformance/target.js';
import { makeTarget } from './device.js';

/** The address of an FTP server, and its folder. */
export interface FtpPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly folder: string;
  readonly root: string;
  readonly ca?: string;
}

let benches = 0;

/** A target with an empty root of its own on a shared server. */
export async function ftpBench(place: FtpPlace, more: Record<string, unknown> = {}): Promise<TargetBench> {
  const own = `bench ${benches++}`;
  const target = await makeTarget(ftp, {
    ...ftpOptions(place),
    root: posix.join(place.root, own, 'root'),
    ...more,
  });
  const folder = join(place.folder, own);
  return {
    target,
    read: path => readFile(join(folder, 'root', path)).catch(unlessMissing),
    listAll: async () => (await readdir(folder, { recursive: true }).catch(unlessMissing)) ?? [],
    close: () => target.close(),
  };
}

/** The device's options for that server. */
export function ftpOptions({ host, port, user, password, root, ca }: FtpPlace): Record<string, unknown> {
  return { host, port, user, password, root, ...(ca && { tls: true, tls_ca: ca }) };
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
