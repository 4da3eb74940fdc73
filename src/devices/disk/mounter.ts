import { mkdir, realpath } from 'node:fs/promises';
import { FileSyncError, type ErrorKind } from '../../errors.js';
import { onDisk } from '../../local/disk-error.js';
import type { BlockDevice } from './block-devices.js';
import type { Outcome, RunProgram } from './programs.js';

/** What a file system's drivers are called, best first, and how to come by one. Others have the file system's name. */
const DRIVERS: Readonly<Record<string, { types: readonly string[]; cure: string }>> = {
  exfat: { types: ['exfat', 'exfat-fuse'], cure: 'install the package exfat-fuse, or a kernel from 5.7 on' },
  ntfs: { types: ['ntfs', 'ntfs3', 'ntfs-3g'], cure: 'install the package ntfs-3g' },
};

/** Programs, set-user-id bits and device nodes on a foreign drive are none of ours to obey. */
const SAFE = 'nosuid,nodev,noexec';

/** What mount(8) says, and what it means. */
const TROUBLES: readonly (readonly [RegExp, ErrorKind, string])[] = [
  [/write-protected|read-only/i, 'denied', 'it is write-protected: move its switch, or repair it'],
  [/already mounted|busy/i, 'busy', 'it is in use by another program'],
  [
    /bad superblock|wrong fs type|structure needs cleaning|i\/o error|can't read/i,
    'io',
    'it is damaged: repair it with fsck',
  ],
];
const NO_DRIVER = /unknown filesystem type|no such device/i;
const NO_RIGHT = /superuser|only root|permission denied|not permitted/i;
const PROTECTED = /write-protected/i;

/** Mounts one drive at one place, and takes it away again. */
export class Mounter {
  /** Absolute. */
  readonly #place: string;
  readonly #run: RunProgram;

  constructor(place: string, run: RunProgram) {
    this.#place = place;
    this.#run = run;
  }

  /** Where it mounts, without links as the kernel shows it. */
  async place(): Promise<string> {
    return realpath(this.#place).catch(() => this.#place);
  }

  /** A drive that cannot be written to is mounted all the same. */
  async mount(drive: BlockDevice, writable: boolean): Promise<void> {
    await onDisk(this.#place, {}, () => mkdir(this.#place, { recursive: true }));
    const place = await this.place();
    const access = writable && !drive.readOnly ? 'rw' : 'ro';
    const first = await this.#try(drive, place, access);
    const outcome = writable && PROTECTED.test(first.stderr) ? await this.#try(drive, place, 'ro') : first;
    if (outcome.code !== 0 && !(await this.#allowed(outcome, place))) throw troubleOf(drive, place, outcome);
  }

  /** Lets the drive be written to. A FUSE driver must begin anew for that. */
  async makeWritable(drive: BlockDevice, path: string, fuse: boolean): Promise<void> {
    if (fuse) {
      await this.unmount(path);
      return this.mount(drive, true);
    }
    const outcome = await this.#run('mount', ['-o', `remount,rw,${SAFE}`, path]);
    if (outcome.code !== 0) throw troubleOf(drive, path, outcome);
  }

  /** Throws `busy` if somebody uses it. */
  async unmount(path: string): Promise<void> {
    const { code, stderr } = await this.#run('umount', [path]);
    if (code !== 0) throw new FileSyncError('busy', `${path} cannot be unmounted: ${firstLine(stderr)}`);
  }

  /** Frees the path at once; the kernel ends the mount when the last user lets go. Gives whether it could. */
  async detach(path: string): Promise<boolean> {
    return (await this.#run('umount', ['-l', path])).code === 0;
  }

  /** With the first driver that there is. */
  async #try({ path, fstype = 'auto' }: BlockDevice, place: string, access: 'ro' | 'rw'): Promise<Outcome> {
    let outcome: Outcome = { code: -1, stdout: '', stderr: '' };
    for (const type of DRIVERS[fstype]?.types ?? [fstype]) {
      const options = [access, SAFE, ...(type === 'vfat' ? ['utf8'] : [])].join(',');
      outcome = await this.#run('mount', ['-t', type, '-o', options, path, place]);
      if (!NO_DRIVER.test(outcome.stderr)) break;
    }
    return outcome;
  }

  /** A line in fstab may allow to everybody what is root's alone otherwise. */
  async #allowed({ stderr }: Outcome, place: string): Promise<boolean> {
    return NO_RIGHT.test(stderr) && (await this.#run('mount', [place])).code === 0;
  }
}

function troubleOf(drive: BlockDevice, place: string, { code, stderr }: Outcome): FileSyncError {
  const what = `${drive.path} cannot be mounted at ${place}`;
  const cause = new Error(stderr.trim() || `mount ended with ${code}`);
  const tell = (kind: ErrorKind, words: string) => new FileSyncError(kind, `${what}: ${words}`, { cause });
  if (NO_RIGHT.test(stderr)) return tell('denied', rightsCure(drive, place));
  if (NO_DRIVER.test(stderr)) return tell('unavailable', driverCure(drive));
  const [, kind, words] = TROUBLES.find(([pattern]) => pattern.test(stderr)) ?? [];
  return tell(kind ?? 'io', words ?? firstLine(cause.message));
}

function driverCure({ fstype = '' }: BlockDevice): string {
  const cure = DRIVERS[fstype]?.cure ?? `load the kernel module (modprobe ${fstype}) or install it`;
  return `this machine has no driver for the file system ${fstype}: ${cure}`;
}

function rightsCure({ path, uuid }: BlockDevice, place: string): string {
  const line = `${uuid ? `UUID=${uuid}` : path} ${place} auto ro,user,noauto 0 0`;
  return (
    `no right to mount. Run "udisksctl mount -b ${path}", or put the line "${line}" into /etc/fstab, ` +
    'or run this program as root (in a container with the capability SYS_ADMIN)'
  );
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
