import { readFile, readlink, stat } from 'node:fs/promises';
import { deviceNumber } from '../../system/device-number.js';
import { parseMountinfo, type MountEntry } from './mountinfo.js';

/** No drive has this number. */
const GONE = '0:0';

/** Makes a call that may never be answered. */
export type Ask = <Value>(call: () => Promise<Value>) => Promise<Value>;

/** What the kernel reports of drives and mounts. */
export class Kernel {
  readonly #root: string;

  /** @param root replaces `/` */
  constructor(root = '') {
    this.#root = root;
  }

  /** Changes when a drive comes or goes, or a file system is mounted: cheap to poll, with or without udev. */
  async stamp(): Promise<string> {
    const files = ['/proc/partitions', '/proc/self/mountinfo'].map(path => this.#read(path));
    return (await Promise.all(files)).join('\n');
  }

  async mounts(): Promise<MountEntry[]> {
    return parseMountinfo((await this.#read('/proc/self/mountinfo')) ?? '');
  }

  /**
   * Distinguishes one stay of a drive from the next, also under the same number: where it is plugged in (a new number
   * each time for USB), its size, and its `diskseq` (from Linux 5.15 on). Undefined if it is gone.
   */
  async presence(number: string): Promise<string | undefined> {
    const node = `/sys/dev/block/${number}`;
    const size = await this.#read(`${node}/size`);
    if (size === undefined || size === '0') return undefined;
    const place = await readlink(this.#root + node);
    const sequence = (await this.#read(`${node}/diskseq`)) ?? (await this.#read(`${node}/../diskseq`));
    return [place, size, sequence].join(' ');
  }

  /** Whether its path can be read (`ask` may reject that), leads to it, and its drive is present. */
  async isAlive(mount: MountEntry, ask: Ask): Promise<boolean> {
    const { point, number, fstype } = mount;
    const top = await ask(() => stat(point).catch(() => undefined));
    // Each of btrfs' subvolumes has a number of its own.
    if (!top || (fstype !== 'btrfs' && deviceNumber(top.dev) !== number)) return false;
    const drive = await driveBelow(mount);
    return drive === undefined || (await this.presence(drive)) !== undefined;
  }

  /** Without the line end; undefined if it is not there. */
  async #read(path: string): Promise<string | undefined> {
    return readFile(this.#root + path, 'utf8').then(
      text => text.trimEnd(),
      () => undefined,
    );
  }
}

/** The number of the drive that is mounted; undefined if there is none (a share, a folder). */
async function driveBelow({ number, source }: MountEntry): Promise<string | undefined> {
  if (!number.startsWith('0:')) return number;
  if (!source.startsWith('/dev/')) return undefined;
  const node = await stat(source).catch(() => undefined);
  return node?.isBlockDevice() ? deviceNumber(node.rdev) : GONE;
}
