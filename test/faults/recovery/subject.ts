import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceType } from '../../../src/config/definition.js';
import type { TestDrive } from '../../servers/drives.js';
import type { Link } from './link.js';

/** A device under trial, with the real server that it talks to. */
export interface Subject {
  readonly end: 'source' | 'target';
  /** Bytes of the file that a trial sends. */
  readonly size: number;
  /** As in a configuration; its server has a name, which the trial resolves. */
  readonly options: Readonly<Record<string, unknown>>;
  /** In place of the program's own. */
  readonly deviceTypes?: readonly DeviceType[];
  readonly link?: Link;
  /** The folder that a disk trouble strikes. */
  readonly folder?: string;
  readonly drive?: TestDrive;
  /** Puts a file on a source. */
  put?(path: string, bytes: Uint8Array): Promise<void>;
  /** The contents of all whole files on a target. */
  held?(): Promise<Buffer[]>;
  /** First bytes that a file must have to be accepted. */
  readonly head?: Uint8Array;
  close(): Promise<void>;
}

/** Of silence, after which a device gives up. */
export const TIMEOUT = '20s';
export const SIZE = 300_000;

const isPart = (name: string): boolean => /\.(?:part|tmp)$|\.part\./.test(name);

/** All whole files below a folder. */
export async function filesBelow(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter(entry => entry.isFile() && !isPart(entry.name));
  return Promise.all(files.map(entry => readFile(join(entry.parentPath, entry.name))));
}

export async function putInto(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, path), bytes);
}
