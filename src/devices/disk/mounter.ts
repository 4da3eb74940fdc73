import { mkdir, realpath } from 'node:fs/promises';
import { FileSyncError, toFileSyncError } from '../../errors.js';
import { onDisk } from '../../local/disk-error.js';
import type { BlockDevice } from './block-devices.js';
import { DRIVERS, mountError, NO_DRIVER, PROTECTED } from './mount-errors.js';
import { firstLine, type ProgramResult, type RunProgram } from './programs.js';
import { isUdisksPlace, Udisks } from './udisks.js';

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
const NO_RIGHT = /superuser|only root|permission denied|not permitted/i;

type Access = 'ro' | 'rw';

/**
 * Mounts one drive, and unmounts it: with mount(8) at its mount point, or through udisks, which chooses the place, where it
 * has no mount point or mount(8) has not the right to it.
 */
export class Mounter {
  /** Absolute. */
  readonly #place: string | undefined;
  readonly #run: RunProgram;
  readonly #udisks: Udisks;

  constructor(place: string | undefined, run: RunProgram) {
    this.#place = place;
    this.#run = run;
    this.#udisks = new Udisks(run);
  }

  /** The mount point without links, as the kernel shows it. */
  async place(): Promise<string | undefined> {
    const place = this.#place;
    return place === undefined ? undefined : realpath(place).catch(() => place);
  }

  /** Whether this program mounts drives there. */
  async mountsAt(point: string): Promise<boolean> {
    return isUdisksPlace(point) || point === (await this.place());
  }

  /** A drive that cannot be written to is mounted read-only. */
  async mount(drive: BlockDevice, writable: boolean): Promise<void> {
    const access = writable && !drive.readOnly ? 'rw' : 'ro';
    const refusal = await this.#mountAtPlace(drive, access);
    if (refusal && !(await this.#udisks.mount(drive, access, SAFE_OPTIONS))) throw refusal;
  }

  async #mountWithoutReplay(drive: BlockDevice, place: string): Promise<boolean> {
    const option = WITHOUT_REPLAY[drive.fstype ?? ''];
    if (!drive.readOnly || option === undefined) return false;
    return (await this.#mountWith(drive, place, `ro,${option}`)).code === 0;
  }

  /** Remounts the drive read-write. A FUSE driver has to be started again for that, and udisks cannot remount. */
  async makeWritable(drive: BlockDevice, path: string, fuse: boolean): Promise<void> {
    const outcome = fuse ? undefined : await this.#run('mount', ['-o', `remount,rw,${SAFE_OPTIONS}`, path]);
    if (outcome?.code === 0) return;
    if (outcome && !NO_RIGHT.test(outcome.stderr)) throw mountError(drive, unmountable(drive, path), outcome);
    await this.unmount(drive, path);
    await this.mount(drive, true);
  }

  /** Throws `busy` while a program uses it. */
  async unmount(drive: BlockDevice, path: string): Promise<void> {
    const { code, stderr } = await this.#run('umount', [path]);
    if (code === 0) return;
    if (NO_RIGHT.test(stderr)) return this.#udisks.unmount(drive);
    throw new FileSyncError('busy', `${path} cannot be unmounted: ${firstLine(stderr)}`);
  }

  /**
   * Frees the path at once (`umount -l`); the kernel unmounts when the last user closes it. Returns whether that
   * worked.
   */
  async detach(path: string, drive?: BlockDevice): Promise<boolean> {
    const { code, stderr } = await this.#run('umount', ['-l', path]);
    if (code === 0 || !drive || !NO_RIGHT.test(stderr)) return code === 0;
    return this.#udisks.detach(drive);
  }

  /** Returns why that needs other rights; undefined when the drive is mounted. */
  async #mountAtPlace(drive: BlockDevice, access: Access): Promise<FileSyncError | undefined> {
    if (this.#place === undefined) return rightsError(drive);
    const place = await this.#makePlace(this.#place, drive);
    if (place instanceof FileSyncError) return place;
    const first = await this.#mountWith(drive, place, access);
    const again = access === 'rw' && PROTECTED.test(first.stderr);
    const outcome = again ? await this.#mountWith(drive, place, 'ro') : first;
    if (outcome.code === 0 || (await this.#mountWithoutReplay(drive, place))) return undefined;
    if (await this.#allowed(outcome, place)) return undefined;
    const cause = new Error(outcome.stderr.trim());
    if (NO_RIGHT.test(outcome.stderr)) return rightsError(drive, { place, cause });
    throw mountError(drive, unmountable(drive, place), outcome);
  }

  /** Returns the folder without links, or why this program may not make it. */
  async #makePlace(place: string, drive: BlockDevice): Promise<string | FileSyncError> {
    try {
      await onDisk(place, {}, () => mkdir(place, { recursive: true }));
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      if (error.kind === 'denied') return rightsError(drive, { place, cause: error });
      throw error;
    }
    return (await this.place()) ?? place;
  }

  /** Mounts with the first driver that is installed. */
  async #mountWith(
    { path, fstype = 'auto' }: BlockDevice,
    place: string,
    access: string,
  ): Promise<ProgramResult> {
    let outcome: ProgramResult = { code: -1, stdout: '', stderr: '' };
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
  async #allowed({ stderr }: ProgramResult, place: string): Promise<boolean> {
    return NO_RIGHT.test(stderr) && (await this.#run('mount', [place])).code === 0;
  }
}

const unmountable = ({ path }: BlockDevice, place: string): string => `${path} cannot be mounted at ${place}`;

function rightsError(
  drive: BlockDevice,
  { place, cause }: { readonly place?: string; readonly cause?: Error } = {},
): FileSyncError {
  const { path, uuid } = drive;
  const what = place === undefined ? `${path} cannot be mounted` : unmountable(drive, place);
  const line = `${uuid ? `UUID=${uuid}` : path} ${place ?? '/mnt/drive'} auto ro,user,noauto 0 0`;
  const remedy =
    `no right to mount. Install the package udisks2 (as "udisksctl mount -b ${path}" works, so does this program), or put ` +
    `the line "${line}" into /etc/fstab, or run this program as root (in a container with the capability SYS_ADMIN)`;
  return new FileSyncError('denied', `${what}: ${remedy}`, { cause });
}
