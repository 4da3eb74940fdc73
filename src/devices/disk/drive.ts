import { Mutex } from 'async-mutex';
import { FileSyncError, throwIfAborted, toFileSyncError, type ErrorDetails } from '../../errors.js';
import type { DeviceContext } from '../../config/definition.js';
import { withDeadline, type Deadline } from '../../system/deadline.js';
import { GuardedFileSystem } from '../directory/guarded-file-system.js';
import { ANSWER_TIMEOUT_MS } from '../directory/timeouts.js';
import { blockDevices, type BlockDevice } from './block-devices.js';
import type { DriveNames } from './names.js';
import type { Kernel } from './kernel.js';
import { topmost, uncovered, type MountEntry } from './mountinfo.js';
import { Mounter } from './mounter.js';
import type { RunProgram } from './programs.js';
import { choose, type WantedDrive } from './wanted.js';

export interface DriveOptions extends WantedDrive {
  /** Absolute. Without it, udisks mounts the drive, or only mounts of others are used, as `DriveTools.udisks` says. */
  readonly mountPoint?: string | undefined;
  /** ms without an answer after which a file system that another program drives (FUSE) counts as hanging. */
  readonly timeout?: number;
  /** Before each scan, our mount is mounted again: what a camera writes meanwhile is not seen otherwise. Default: never. */
  readonly remount?: 'never' | 'each-scan';
}

/** What the drive uses of the system. */
export interface DriveTools {
  readonly run: RunProgram;
  readonly kernel: Kernel;
  readonly names: DriveNames;
  /** This program is not root: a drive without a mount point is mounted through udisks. */
  readonly udisks?: boolean;
}

export type Need = 'read' | 'write';

/** One stay of the drive in the file system's tree. */
export interface Mount {
  /** Absolute, of the drive's top folder. */
  readonly path: string;
  /** For a person: `FLIR Duo Pro (/dev/sda1)`. */
  readonly title: string;
  readonly drive: BlockDevice;
  readonly entry: MountEntry;
  /** From `Kernel.presence`. */
  readonly presence: string;
  /** We mounted it, so we unmount it. */
  readonly ours: boolean;
}

/**
 * ms. A failure is retried once a drive or a mount has changed, and without that: soon for the first time (udev may not
 * have probed the drive yet), then seldom.
 */
const FIRST_RETRY_DELAY_MS = 1_000;
const RETRY_DELAY_MS = 10_000;
/** ms at the end to probe the mount, to unmount it, and for all, which has to fit into a program's last seconds. */
const LAST_PROBE_TIMEOUT_MS = 1_000;
const UNMOUNT_TIMEOUT_MS = 1_500;
const RELEASE_TIMEOUT_MS = 3_500;

/**
 * A drive that comes and goes, identified by its marks, and mounted unless another program has mounted it. Source and
 * target of a device share one; it is unmounted when the last of them has released it.
 */
export class Drive {
  /** As in `DriveOptions`. */
  readonly timeout: number;
  readonly #options: DriveOptions;
  readonly #context: DeviceContext;
  readonly #tools: DriveTools;
  readonly #mutex = new Mutex();
  /** By mount. */
  readonly #fileSystems = new Map<string, GuardedFileSystem>();
  /** Aborted when the last user releases the drive. */
  #use = new AbortController();
  #users = 0;
  /** Operations on the mount that are under way. */
  #operations = 0;
  #isRemounting = false;
  #writers = 0;
  #mount: Mount | undefined;
  /** The drive that we mount, or have begun to: the mount is ours even if the mounting was cancelled. */
  #begun: BlockDevice | undefined;
  #failure: { readonly stamp: string; readonly until: number; readonly error: FileSyncError } | undefined;

  constructor(options: DriveOptions, context: DeviceContext, tools: DriveTools) {
    this.timeout = options.timeout ?? ANSWER_TIMEOUT_MS;
    this.#options = options;
    this.#context = context;
    this.#tools = tools;
  }

  /** Registers a user. A drive without writing users is mounted read-only. */
  attach(need: Need): void {
    if (this.#users++ === 0) this.#use = new AbortController();
    if (need === 'write') this.#writers++;
  }

  /**
   * To be called once for each `attach`. The last call cancels what is under way and unmounts our mount. It resolves
   * within seconds, also if that hangs.
   */
  async release(need: Need): Promise<void> {
    this.#users--;
    if (need === 'write') this.#writers--;
    if (this.#users > 0) return;
    this.#use.abort();
    const { clock, logger, name } = this.#context;
    await this.#whileHeld(over => this.#unmountAll(over), { clock, ms: RELEASE_TIMEOUT_MS }).catch(
      (thrown: unknown) => {
        logger.log('warn', `${name} may still be mounted: ${toFileSyncError(thrown).message}`);
      },
    );
  }

  /** Where the drive is mounted now, after mounting it if need be. Throws `unavailable`, `denied`, `busy` or `io`. */
  async mounted(need: Need, signal: AbortSignal, details: ErrorDetails): Promise<Mount> {
    const all = { device: this.#context.name, ...details };
    throwIfAborted(signal, all);
    if (this.#users === 0) throw new FileSyncError('unavailable', 'the device is closed', all);
    try {
      const ends = [signal, this.#use.signal];
      return await this.#whileHeld(over => this.#ensure(need, over), { signal: ends });
    } catch (thrown) {
      const { kind, message, temporary } = toFileSyncError(thrown);
      throw new FileSyncError(kind, message, { ...all, temporary, cause: thrown });
    }
  }

  /** An operation on the mount is under way until the function that is returned is called. */
  use(): () => void {
    this.#operations += 1;
    return () => void (this.#operations -= 1);
  }

  /** Before a scan: unmounts our mount, which writes out what is ours, unless it is in use; the scan mounts it again. */
  async refresh(signal: AbortSignal): Promise<void> {
    if (this.#options.remount !== 'each-scan') return;
    await this.#whileHeld(over => this.#unmountUnused(over), { signal: [signal, this.#use.signal] });
  }

  async #unmountUnused(over: AbortSignal): Promise<void> {
    const mount = this.#mount;
    if (!mount?.ours || this.#operations > 0 || !(await this.#isLive(mount))) return;
    try {
      await this.#unmount(mount, over);
    } catch (thrown) {
      return this.#debug(`not mounted again before the scan: ${toFileSyncError(thrown).message}`);
    }
    this.#mount = this.#begun = undefined;
    this.#fileSystems.clear();
    this.#isRemounting = true;
  }

  /** Throws `unavailable` if the drive has left, or another has come, since it was mounted there. */
  async verify(mount: Mount, details: ErrorDetails): Promise<void> {
    if (await this.#isLive(mount)) return;
    const message = `${mount.title} was removed: plug it in again`;
    throw new FileSyncError('unavailable', message, { device: this.#context.name, ...details });
  }

  /** A call to the mounted file system. Throws `timeout` or `unavailable` if it hangs. */
  ask<Value>({ id, point }: MountEntry, call: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const key = `${id} ${point}`;
    const fileSystem =
      this.#fileSystems.get(key) ?? new GuardedFileSystem(point, this.#context, this.timeout);
    this.#fileSystems.set(key, fileSystem);
    return fileSystem.do(call, { ...(signal && { signal }) });
  }

  /**
   * Runs the work while it holds the mutex. Cancelled work releases it at once: what it awaits has to end with `over`.
   */
  #whileHeld<Value>(work: (over: AbortSignal) => Promise<Value>, deadline: Deadline<Value>): Promise<Value> {
    const held = (signal: AbortSignal) => this.#mutex.runExclusive(() => withDeadline(work, { signal }));
    return withDeadline(held, deadline);
  }

  /** Does not wait for a program that hangs after the abort of `over`. */
  #runner(over: AbortSignal): RunProgram {
    const { run } = this.#tools;
    return (program, args) => withDeadline(signal => run(program, args, signal), { signal: over });
  }

  #mounter(over: AbortSignal): Mounter | undefined {
    const { mountPoint } = this.#options;
    if (mountPoint === undefined && !this.#tools.udisks) return undefined;
    return new Mounter(mountPoint, this.#logged(this.#runner(over)));
  }

  /** The programs that mount and unmount, with their result at debug. */
  #logged(run: RunProgram): RunProgram {
    const { clock } = this.#context;
    return async (program, args, signal) => {
      const begun = clock.monotonic();
      const outcome = await run(program, args, signal);
      const ms = Math.round(clock.monotonic() - begun);
      this.#debug(`${program} ${args.join(' ')}: exit code ${outcome.code} after ${ms} ms`);
      return outcome;
    };
  }

  #debug(message: string): void {
    this.#context.logger.log('debug', message);
  }

  async #ensure(need: Need, over: AbortSignal): Promise<Mount> {
    if (this.#mount && !(await this.#isLive(this.#mount))) await this.#forget(this.#mount, over);
    const mount = this.#mount ?? (await this.#findOrRethrow(over));
    this.#mount = unlessCancelled(mount, over);
    if (need === 'read' || !mount.entry.readOnly) return mount;
    return (this.#mount = unlessCancelled(await this.#writable(mount, over), over));
  }

  async #isLive({ drive, presence, entry }: Mount): Promise<boolean> {
    return (await this.#tools.kernel.presence(drive.number)) === presence && (await this.#isAlive(entry));
  }

  /** Throws if the mount exists and hangs. A mount that was detached may hang for ever. */
  async #isAlive(entry: MountEntry): Promise<boolean> {
    const { kernel } = this.#tools;
    return kernel
      .isAlive(entry, call => this.ask(entry, call))
      .catch(async (hanging: unknown) => {
        if ((await kernel.mounts()).some(({ id }) => id === entry.id)) throw hanging;
        return false;
      });
  }

  /** The drive was removed, or another program unmounted it: detaches what is left of our mount. */
  async #forget(mount: Mount, over: AbortSignal): Promise<void> {
    throwIfAborted(over);
    this.#mount = this.#begun = undefined;
    this.#fileSystems.clear();
    const { path, title, drive, ours, entry } = mount;
    this.#context.logger.log('info', `${title} was removed from ${path}`);
    const left = topmost(await this.#tools.kernel.mounts(), path);
    if (ours && left?.id === entry.id) await this.#mounter(over)?.detach(path, drive);
  }

  /** Finds the drive and its mount. A failure is not retried at once, since each attempt fills the kernel's log. */
  async #findOrRethrow(over: AbortSignal): Promise<Mount> {
    const now = this.#context.clock.monotonic();
    const stamp = await this.#tools.kernel.stamp();
    const last = this.#failure?.stamp === stamp ? this.#failure : undefined;
    if (last && now < last.until) throw last.error;
    try {
      return await this.#findMount(over);
    } catch (thrown) {
      const error = toFileSyncError(unlessCancelled(thrown, over));
      if (error.message !== last?.error.message) this.#debug(`no mounted drive: ${error.message}`);
      this.#failure = { stamp, until: now + (last ? RETRY_DELAY_MS : FIRST_RETRY_DELAY_MS), error };
      throw error;
    }
  }

  async #findMount(over: AbortSignal): Promise<Mount> {
    const { kernel, names } = this.#tools;
    const run = this.#runner(over);
    const drive = choose(this.#options, await blockDevices(run));
    const presence = await kernel.presence(drive.number);
    const name = (await names.all(run)).get(drive.disk) || (drive.model ?? drive.label);
    const title = name ? `${name} (${drive.path})` : `the drive ${drive.path}`;
    const theirs = await this.#entryOf(drive);
    const entry = theirs ?? (await this.#mountHere(drive, title, over));
    if (presence === undefined) throw new FileSyncError('unavailable', `${title} was removed`);
    const ours = !theirs || (await this.#isOurs(theirs, drive, over));
    this.#debug(`found ${title}, mounted at ${entry.point} by ${ours ? 'this' : 'another'} program`);
    return { path: entry.point, title, drive, presence, entry, ours };
  }

  /** The mount of the whole drive. */
  async #entryOf({ number, path }: BlockDevice): Promise<MountEntry | undefined> {
    const { kernel } = this.#tools;
    const entries = uncovered(await kernel.mounts()).filter(
      ({ root, number: mounted, source }) =>
        root === '/' && (mounted === number || (mounted.startsWith('0:') && source === path)),
    );
    const alive = await Promise.all(entries.map(entry => this.#isAlive(entry)));
    const usable = entries.filter((_, index) => alive[index]);
    return usable.find(({ readOnly }) => !readOnly) ?? usable[0];
  }

  /** Whether the mount is ours: its mounting was begun, and cancelled before its end was known. */
  async #isOurs({ point }: MountEntry, drive: BlockDevice, over: AbortSignal): Promise<boolean> {
    return this.#begun?.number === drive.number && (await this.#mounter(over)?.mountsAt(point)) === true;
  }

  async #mountHere(drive: BlockDevice, title: string, over: AbortSignal): Promise<MountEntry> {
    const mounter = this.#mounter(over);
    if (!mounter) {
      const remedy = 'mount it, or set `mount_point` so that this program mounts it';
      throw new FileSyncError('unavailable', `${title} is plugged in, but not mounted: ${remedy}`);
    }
    await this.#clear(mounter);
    this.#begun = unlessCancelled(drive, over);
    await mounter.mount(drive, this.#writers > 0).catch((thrown: unknown) => {
      const ended = toFileSyncError(unlessCancelled(thrown, over)).kind !== 'timeout';
      if (ended) this.#begun = undefined;
      throw thrown;
    });
    const entry = await this.#entryOf(drive);
    if (!entry) throw new FileSyncError('unavailable', `${title} was mounted, but its mount is gone`);
    const level = this.#isRemounting ? 'debug' : 'info';
    this.#isRemounting = false;
    this.#context.logger.log(
      level,
      `${title} is mounted at ${entry.point}${entry.readOnly ? ', read-only' : ''}`,
    );
    return entry;
  }

  /** Detaches the mount of a removed drive from our mount point. Throws if the mount of another drive is there. */
  async #clear(mounter: Mounter): Promise<void> {
    const place = await mounter.place();
    const there = place === undefined ? undefined : topmost(await this.#tools.kernel.mounts(), place);
    if (!place || !there) return;
    if (await this.#isAlive(there)) {
      const remedy = 'unmount it, or choose another `mount_point`';
      throw new FileSyncError('unavailable', `${there.source} is mounted at ${place} already: ${remedy}`);
    }
    await mounter.detach(place);
    this.#context.logger.log('info', `${there.source} was removed: its mount at ${place} is detached`);
  }

  async #writable(mount: Mount, over: AbortSignal): Promise<Mount> {
    const { drive, path, title, ours, entry } = mount;
    const mounter = this.#mounter(over);
    const refuse = (remedy: string) => new FileSyncError('denied', `${title} is read-only: ${remedy}`);
    if (drive.readOnly) throw refuse('move its write protection switch');
    if (!ours || !mounter) throw refuse(`run "mount -o remount,rw ${path}", or unmount it`);
    await mounter.makeWritable(drive, path, entry.fstype.startsWith('fuse'));
    const now = await this.#entryOf(drive);
    if (!now || now.readOnly) throw refuse('its file system cannot be written to here; repair it with fsck');
    return { ...mount, path: now.point, entry: now };
  }

  async #unmountAll(over: AbortSignal): Promise<void> {
    const mount = this.#mount;
    if (!mount) return this.#detachBegun(over);
    const { clock } = this.#context;
    const late = () => new FileSyncError('timeout', `${mount.path} does not answer and is not unmounted`);
    const probing = withDeadline(this.#isLive(mount), {
      signal: over,
      clock,
      ms: LAST_PROBE_TIMEOUT_MS,
      late,
    });
    const live = await probing.catch((hanging: unknown) => toFileSyncError(hanging));
    if (live === false) return this.#forget(mount, over);
    this.#mount = this.#begun = undefined;
    if (!mount.ours) return;
    const unmounted = live === true ? this.#unmount(mount, over) : Promise.reject(live);
    await unmounted.catch(async ({ message }: FileSyncError) => {
      this.#context.logger.log('warn', `${message}; it will be once no program uses it`);
      await this.#mounter(over)?.detach(mount.path, mount.drive);
    });
  }

  async #unmount({ drive, path }: Mount, over: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const late = () =>
      new FileSyncError('timeout', `${path} is not unmounted after ${UNMOUNT_TIMEOUT_MS / 1000} s`);
    await withDeadline(async signal => this.#mounter(signal)?.unmount(drive, path), {
      ...{ signal: over, clock, ms: UNMOUNT_TIMEOUT_MS, late },
    });
  }

  /** Detaches our mount if its mounting was cancelled, but succeeded. */
  async #detachBegun(over: AbortSignal): Promise<void> {
    const begun = this.#begun;
    const mounter = this.#mounter(over);
    if (!begun || !mounter) return;
    this.#begun = undefined;
    for (const { number, source, point } of uncovered(await this.#tools.kernel.mounts())) {
      const isIt = number === begun.number || source === begun.path;
      if (isIt && (await mounter.mountsAt(point))) await mounter.detach(point, begun);
    }
  }
}

/** The result of a step. Throws if the work of which it is part was cancelled. */
function unlessCancelled<Value>(value: Value, over: AbortSignal): Value {
  throwIfAborted(over);
  return value;
}
