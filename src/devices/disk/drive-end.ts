import { constants } from 'node:fs';
import { Subject, type Observable } from 'rxjs';
import { FileSyncError, toFileSyncError, type ErrorDetails } from '../../errors.js';
import type { Availability } from '../../ports.js';
import { pollAvailability } from '../availability.js';
import type { DeviceContext } from '../../config/definition.js';
import { Root } from '../directory/root.js';
import type { BlockDevice } from './block-devices.js';
import type { Drive, Mount, Need } from './drive.js';

/** An absent drive is probed at least every fourth interval, so it is found within 2 s. */
const POLL_INTERVAL_MS = 300;

/** What source and target of a drive have in common: each operation uses the current mount. */
export class DriveEnd<Folder> {
  readonly availability: Observable<Availability>;
  readonly #drive: Drive;
  readonly #need: Need;
  readonly #device: string;
  readonly #folderAt: (path: string) => Folder;
  readonly #noteOf: (folder: Folder) => string | undefined;
  readonly #folders = new WeakMap<Mount, Folder>();
  readonly #closed = new AbortController();
  readonly #missed = new Subject<string>();

  /** @param noteOf what a person should know of a folder that is there */
  constructor(
    drive: Drive,
    need: Need,
    { name, clock }: DeviceContext,
    folderAt: (path: string) => Folder,
    noteOf: (folder: Folder) => string | undefined = () => undefined,
  ) {
    this.#noteOf = noteOf;
    this.#drive = drive;
    this.#need = need;
    this.#device = name;
    this.#folderAt = folderAt;
    drive.attach(need);
    this.availability = pollAvailability(signal => this.#probe(signal), {
      clock,
      interval: POLL_INTERVAL_MS,
      until: this.#closed.signal,
      missed: this.#missed,
    });
  }

  /** An operation on the folder. Throws `unavailable` if the drive was removed before its end. */
  async do<Value>(
    work: (folder: Folder) => Promise<Value>,
    path: string,
    signal: AbortSignal,
    operation: string,
    need = this.#need,
  ): Promise<Value> {
    const details = { operation, path };
    const mount = await this.#mounted(need, signal, details);
    const done = this.#drive.use();
    try {
      const value = await work(this.#folderOf(mount));
      await this.#drive.verify(mount, details);
      return value;
    } catch (error) {
      throw await this.#explained(error, mount, details);
    } finally {
      done();
    }
  }

  /** The drive that is mounted now, after mounting it if need be. */
  async drive(signal: AbortSignal): Promise<BlockDevice> {
    return (await this.#mounted(this.#need, signal, { operation: 'stat' })).drive;
  }

  /** As `do`, for a stream: a drive that is removed in the middle must not pass for a short list. */
  async *stream<Item>(
    open: (folder: Folder) => AsyncIterable<Item>,
    path: string,
    signal: AbortSignal,
    operation: string,
  ): AsyncGenerator<Item, void> {
    const details = { operation, path };
    if (operation === 'list') await this.#drive.refresh(signal);
    const mount = await this.#mounted(this.#need, signal, details);
    const done = this.#drive.use();
    try {
      yield* open(this.#folderOf(mount));
      await this.#drive.verify(mount, details);
    } catch (error) {
      throw await this.#explained(error, mount, details);
    } finally {
      done();
    }
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    await this.#drive.release(this.#need);
  }

  async #mounted(need: Need, signal: AbortSignal, details: ErrorDetails): Promise<Mount> {
    try {
      return await this.#drive.mounted(need, signal, details);
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      const concernsAll = error.kind === 'unavailable' || need === this.#need;
      if (concernsAll && error.kind !== 'cancelled') this.#missed.next(error.message);
      throw error;
    }
  }

  #folderOf(mount: Mount): Folder {
    const folder = this.#folders.get(mount) ?? this.#folderAt(mount.path);
    this.#folders.set(mount, folder);
    return folder;
  }

  async #probe(signal: AbortSignal): Promise<Availability> {
    const mount = await this.#drive.mounted(this.#need, signal, { operation: 'probe' });
    const rights = this.#need === 'write' ? constants.R_OK | constants.W_OK : constants.R_OK;
    const root = new Root(mount.path, this.#device);
    const done = this.#drive.use();
    await this.#drive.ask(mount.entry, () => root.probe(rights, false), signal).finally(done);
    const note = this.#noteOf(this.#folderOf(mount));
    const place = `${mount.title}, mounted at ${mount.path}`;
    return { available: true, reason: note === undefined ? place : `${place}; ${note}`, armed: false };
  }

  /** The error, replaced by `unavailable` if the drive was removed. */
  async #explained(thrown: unknown, mount: Mount, details: ErrorDetails): Promise<FileSyncError> {
    const error = toFileSyncError(thrown, { device: this.#device, ...details });
    if (error.kind === 'cancelled') return error;
    return this.#drive.verify(mount, { ...details, cause: error }).then(
      () => error,
      (gone: FileSyncError) => {
        this.#missed.next(gone.message);
        return gone;
      },
    );
  }
}
