import { mkdir, realpath } from 'node:fs/promises';
import { FileSyncError, type ErrorKind } from '../../errors.js';
import { onDisk } from '../../local/disk-error.js';
import type { BlockDevice } from './block-devices.js';
import type { Outcome, RunProgram } from './programs.js';

/** Names of a file system's drivers, best first, and how to install one. Other drivers have the file system's name. */
const DRIVERS: Readonly<Record<string, { types: readonly string[]; remedy: string }>> = {
  exfat: {
    types: ['exfat', 'exfat-fuse'],
    remedy: 'install the package exfat-fuse, or a kernel from 5.7 on',
  },
  ntfs: { types: ['ntfs', 'ntfs3', 'ntfs-3g'], remedy: 'install the package ntfs-3g' },
};

/** Programs, set-user-id bits and device nodes on a foreign drive must have no effect. */
const SAFE_OPTIONS = 'nosuid,nodev,noexec';

/** Times on these have no zone: they are read as UTC, or all would shift with this machine's zone and its summer time. */
const OPTIONS: Readonly<Record<string, string>> = { vfat: 'utf8,tz=UTC', exfat: 'time_offset=0' };

/** Reads a file system without replaying its journal, which a write-protected drive does not allow. */
const WITHOUT_REPLAY: Readonly<Record<string, string>> = {
  ext3: 'noload',
  ext4: 'noload',
  xfs: 'norecovery',
};

/** Messages of mount(8), their error kind, and the words for it. */
const MOUNT_ERRORS: readonly (readonly [RegExp, ErrorKind, string])[] = [
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

/** Mounts one drive at one place, and unmounts it. */
export class Mounter {
  /** Absolute. */
  readonly #place: string;
  readonly #run: RunProgram;

  constructor(place: string, run: RunProgram) {
    this.#place = place;
    this.#run = run;
  }

  /** The mount point without links, as the kernel shows it. */
  async place(): Promise<string> {
    return realpath(this.#place).catch(() => this.#place);
  }

  /** A drive that cannot be written to is mounted read-only. */
  async mount(drive: BlockDevice, writable: boolean): Promise<void> {
    await onDisk(this.#place, {}, () => mkdir(this.#place, { recursive: true }));
    const place = await this.place();
    const access = writable && !drive.readOnly ? 'rw' : 'ro';
    const first = await this.#mountWith(drive, place, access);
    const outcome =
      writable && PROTECTED.test(first.stderr) ? await this.#mountWith(drive, place, 'ro') : first;
    if (outcome.code === 0 || (await this.#mountWithoutReplay(drive, place))) return;
    if (!(await this.#allowed(outcome, place))) throw mountError(drive, place, outcome);
  }

  async #mountWithoutReplay(drive: BlockDevice, place: string): Promise<boolean> {
    const option = WITHOUT_REPLAY[drive.fstype ?? ''];
    if (!drive.readOnly || option === undefined) return false;
    return (await this.#mountWith(drive, place, `ro,${option}`)).code === 0;
  }

  /** Remounts the drive read-write. A FUSE driver has to be started again for that. */
  async makeWritable(drive: BlockDevice, path: string, fuse: boolean): Promise<void> {
    if (fuse) {
      await this.unmount(path);
      return this.mount(drive, true);
    }
    const outcome = await this.#run('mount', ['-o', `remount,rw,${SAFE_OPTIONS}`, path]);
    if (outcome.code !== 0) throw mountError(drive, path, outcome);
  }

  /** Throws `busy` while a program uses it. */
  async unmount(path: string): Promise<void> {
    const { code, stderr } = await this.#run('umount', [path]);
    if (code !== 0) throw new FileSyncError('busy', `${path} cannot be unmounted: ${firstLine(stderr)}`);
  }

  /**
   * Frees the path at once (`umount -l`); the kernel unmounts when the last user closes it. Returns whether that
   * worked.
   */
  async detach(path: string): Promise<boolean> {
    return (await this.#run('umount', ['-l', path])).code === 0;
  }

  /** Mounts with the first driver that is installed. */
  async #mountWith({ path, fstype = 'auto' }: BlockDevice, place: string, access: string): Promise<Outcome> {
    let outcome: Outcome = { code: -1, stdout: '', stderr: '' };
    for (const type of DRIVERS[fstype]?.types ?? [fstype]) {
      const mount = (options: string) => this.#run('mount', ['-t', type, '-o', options, path, place]);
      const own = OPTIONS[type];
      const always = `${access},${SAFE_OPTIONS}`;
      outcome = await mount(own === undefined ? always : `${always},${own}`);
      // Old kernels, and the FUSE driver that answers to exfat, do not know the option.
      if (type === 'exfat' && outcome.code !== 0 && !NO_DRIVER.test(outcome.stderr))
        outcome = await mount(always);
      if (!NO_DRIVER.test(outcome.stderr)) break;
    }
    return outcome;
  }

  /** A line in fstab may allow every user what only root may do otherwise. */
  async #allowed({ stderr }: Outcome, place: string): Promise<boolean> {
    return NO_RIGHT.test(stderr) && (await this.#run('mount', [place])).code === 0;
  }
}

function mountError(drive: BlockDevice, place: string, { code, stderr }: Outcome): FileSyncError {
  const what = `${drive.path} cannot be mounted at ${place}`;
  const cause = new Error(stderr.trim() || `mount ended with ${code}`);
  const error = (kind: ErrorKind, words: string) => new FileSyncError(kind, `${what}: ${words}`, { cause });
  if (NO_RIGHT.test(stderr)) return error('denied', rightsRemedy(drive, place));
  if (NO_DRIVER.test(stderr)) return error('unavailable', driverRemedy(drive));
  const [, kind, words] = MOUNT_ERRORS.find(([pattern]) => pattern.test(stderr)) ?? [];
  return error(kind ?? 'io', words ?? firstLine(cause.message));
}

function driverRemedy({ fstype = '' }: BlockDevice): string {
  const remedy = DRIVERS[fstype]?.remedy ?? `load the kernel module (modprobe ${fstype}) or install it`;
  return `this machine has no driver for the file system ${fstype}: ${remedy}`;
}

function rightsRemedy({ path, uuid }: BlockDevice, place: string): string {
  const line = `${uuid ? `UUID=${uuid}` : path} ${place} auto ro,user,noauto 0 0`;
  return (
    `no right to mount. Run "udisksctl mount -b ${path}", or put the line "${line}" into /etc/fstab, ` +
    'or run this program as root (in a container with the capability SYS_ADMIN)'
  );
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
