import { Mutex } from 'async-mutex';
import {
  FileSyncError,
  orAborted,
  throwIfAborted,
  toFileSyncError,
  type ErrorDetails,
} from '../../errors.js';
import type { DeviceContext } from '../../config/definition.js';
import { Calls, PATIENCE } from '../directory/calls.js';
import { blockDevices, type BlockDevice } from './block-devices.js';
import type { DriveNames } from './names.js';
import type { Kernel } from './kernel.js';
import { topmost, uncovered, type MountEntry } from './mountinfo.js';
import { Mounter } from './mounter.js';
import type { RunProgram } from './programs.js';
import { choose, type Wanted } from './wanted.js';

export interface DriveOptions extends Wanted {
  /** Absolute; without it, only mounts of others are used. */
  readonly mountPoint?: string | undefined;
  /** ms without an answer after which a file system that another program drives (FUSE) counts as hanging. */
  readonly timeout?: number;
}

/** The outside world. */
export interface DriveTools {
  readonly run: RunProgram;
  readonly kernel: Kernel;
  readonly names: DriveNames;
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
 * ms. What could not be done is tried again once a drive or a mount has changed, and without that: soon for the first
 * time (udev may not have looked at the drive yet), then seldom.
 */
const FIRST_RETRY = 1_000;
const RETRY = 10_000;

/**
 * A drive that comes and goes, found by its marks and mounted where nobody else has done so. Both ends of a device share
 * one; it is unmounted when the last of them has let go.
 */
export class Drive {
  /** As in `DriveOptions`. */
  readonly timeout: number;
  readonly #options: DriveOptions;
  readonly #context: DeviceContext;
  readonly #tools: DriveTools;
  readonly #mounter: Mounter | undefined;
  readonly #mutex = new Mutex();
  /** By mount. */
  readonly #calls = new Map<string, Calls>();
  #users = 0;
  #writers = 0;
  #mount: Mount | undefined;
  #failure: { readonly stamp: string; readonly until: number; readonly error: FileSyncError } | undefined;

  constructor(options: DriveOptions, context: DeviceContext, tools: DriveTools) {
    const { mountPoint } = options;
    this.timeout = options.timeout ?? PATIENCE;
    this.#options = options;
    this.#context = context;
    this.#tools = tools;
    this.#mounter = mountPoint === undefined ? undefined : new Mounter(mountPoint, tools.run);
  }

  /** Says that it will be used. A drive that is only read from is mounted read-only. */
  attach(need: Need): void {
    this.#users++;
    if (need === 'write') this.#writers++;
  }

  /** To be called once for each `attach`. */
  async release(need: Need): Promise<void> {
    this.#users--;
    if (need === 'write') this.#writers--;
    if (this.#users === 0) await this.#mutex.runExclusive(() => this.#leave());
  }

  /** Where the drive is mounted now, after mounting it if need be. Throws `unavailable`, `denied`, `busy` or `io`. */
  async mounted(need: Need, signal: AbortSignal, details: ErrorDetails): Promise<Mount> {
    const all = { device: this.#context.name, ...details };
    throwIfAborted(signal, all);
    try {
      return await orAborted(
        this.#mutex.runExclusive(() => this.#ensure(need)),
        signal,
      );
    } catch (thrown) {
      const { kind, message, temporary } = toFileSyncError(thrown);
      throw new FileSyncError(kind, message, { ...all, temporary, cause: thrown });
    }
  }

  /** Throws `unavailable` if the drive has left, or another has come, since it was mounted there. */
  async verify(mount: Mount, details: ErrorDetails): Promise<void> {
    if (await this.#isLive(mount)) return;
    const message = `${mount.title} was removed: plug it in again`;
    throw new FileSyncError('unavailable', message, { device: this.#context.name, ...details });
  }

  /** A call to the mounted file system, which may hang: then it throws `timeout` or `unavailable`. */
  ask<Value>({ id, point }: MountEntry, call: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const key = `${id} ${point}`;
    const calls = this.#calls.get(key) ?? new Calls(point, this.#context, this.timeout);
    this.#calls.set(key, calls);
    return calls.do(call, { ...(signal && { signal }) });
  }

  async #ensure(need: Need): Promise<Mount> {
    if (this.#users === 0) throw new FileSyncError('unavailable', 'the drive is not used any more');
    if (this.#mount && !(await this.#isLive(this.#mount))) await this.#forget(this.#mount);
    const mount = (this.#mount ??= await this.#settle());
    if (need === 'read' || !mount.entry.readOnly) return mount;
    return (this.#mount = await this.#writable(mount));
  }

  async #isLive({ drive, presence, entry }: Mount): Promise<boolean> {
    return (await this.#tools.kernel.presence(drive.number)) === presence && (await this.#isAlive(entry));
  }

  /** Throws if the mount is there and hangs. One that has been taken away may hang for ever. */
  async #isAlive(entry: MountEntry): Promise<boolean> {
    const { kernel } = this.#tools;
    return kernel
      .isAlive(entry, call => this.ask(entry, call))
      .catch(async (hanging: unknown) => {
        if ((await kernel.mounts()).some(({ id }) => id === entry.id)) throw hanging;
        return false;
      });
  }

  /** It was removed, or unmounted by somebody: what is left of our mount is cleaned up. */
  async #forget(mount: Mount): Promise<void> {
    this.#mount = undefined;
    this.#calls.clear();
    const { path, title, ours, entry } = mount;
    this.#context.logger.log('info', `${title} was removed from ${path}`);
    const left = topmost(await this.#tools.kernel.mounts(), path);
    if (ours && left?.id === entry.id) await this.#mounter?.detach(path);
  }

  /** Finds the drive and its mount. What failed is not tried again at once: the logs of kernel and user stay readable. */
  async #settle(): Promise<Mount> {
    const now = this.#context.clock.monotonic();
    const stamp = await this.#tools.kernel.stamp();
    const last = this.#failure?.stamp === stamp ? this.#failure : undefined;
    if (last && now < last.until) throw last.error;
    try {
      return await this.#findMount();
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      this.#failure = { stamp, until: now + (last ? RETRY : FIRST_RETRY), error };
      throw error;
    }
  }

  async #findMount(): Promise<Mount> {
    const { run, kernel, names } = this.#tools;
    const drive = choose(this.#options, await blockDevices(run));
    const presence = await kernel.presence(drive.number);
    const name = (await names.all()).get(drive.disk) || (drive.model ?? drive.label);
    const title = name ? `${name} (${drive.path})` : `the drive ${drive.path}`;
    const theirs = await this.#entryOf(drive);
    const entry = theirs ?? (await this.#mountHere(drive, title));
    if (presence === undefined) throw new FileSyncError('unavailable', `${title} was removed`);
    return { path: entry.point, title, drive, presence, entry, ours: !theirs };
  }

  /** Where the whole drive is mounted. */
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

  async #mountHere(drive: BlockDevice, title: string): Promise<MountEntry> {
    if (!this.#mounter) {
      const cure = 'mount it, or say by `mount_point` where this program shall do so';
      throw new FileSyncError('unavailable', `${title} is plugged in, but not mounted: ${cure}`);
    }
    await this.#clear(this.#mounter);
    await this.#mounter.mount(drive, this.#writers > 0);
    const entry = await this.#entryOf(drive);
    if (!entry) throw new FileSyncError('unavailable', `${title} was mounted, but is gone again`);
    this.#context.logger.log(
      'info',
      `${title} is mounted at ${entry.point}${entry.readOnly ? ', read-only' : ''}`,
    );
    return entry;
  }

  /** A dead drive's mount is taken away from our place, a live one's is left alone. */
  async #clear(mounter: Mounter): Promise<void> {
    const place = await mounter.place();
    const there = topmost(await this.#tools.kernel.mounts(), place);
    if (!there) return;
    if (await this.#isAlive(there)) {
      const cure = 'unmount it, or choose another `mount_point`';
      throw new FileSyncError('unavailable', `${there.source} is mounted at ${place} already: ${cure}`);
    }
    await mounter.detach(place);
    this.#context.logger.log('info', `${place} was freed of ${there.source}, which is gone`);
  }

  async #writable(mount: Mount): Promise<Mount> {
    const { drive, path, title, ours, entry } = mount;
    const refuse = (cure: string) => new FileSyncError('denied', `${title} is read-only: ${cure}`);
    if (drive.readOnly) throw refuse('move its write protection switch');
    if (!ours || !this.#mounter) throw refuse(`run "mount -o remount,rw ${path}", or unmount it`);
    await this.#mounter.makeWritable(drive, path, entry.fstype.startsWith('fuse'));
    const now = await this.#entryOf(drive);
    if (!now || now.readOnly) throw refuse('its file system cannot be written to here; repair it with fsck');
    return { ...mount, entry: now };
  }

  async #leave(): Promise<void> {
    const mount = this.#mount;
    if (!mount) return;
    const live = await this.#isLive(mount).catch((hanging: unknown) => toFileSyncError(hanging));
    if (live === false) return this.#forget(mount);
    this.#mount = undefined;
    if (!mount.ours || !this.#mounter) return;
    const unmounted = live === true ? this.#mounter.unmount(mount.path) : Promise.reject(live);
    await unmounted.catch(async ({ message }: FileSyncError) => {
      this.#context.logger.log('warn', `${message}; it will be once nobody uses it any more`);
      await this.#mounter?.detach(mount.path);
    });
  }
}
