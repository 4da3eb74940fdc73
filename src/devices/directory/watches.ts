import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fromEvent, Observable, share, takeUntil, type Subscriber } from 'rxjs';
import { codeOf } from '../../local/disk-error.js';
import type { DeviceContext } from '../../config/definition.js';
import { isLocal } from '../../system/local-file-system.js';
import { nameFromBytes } from '../byte-names.js';
import { isUnfinishedUpload } from '../part-names.js';

interface Watched {
  /** Of the folder that is watched: another one may have come in its place. */
  readonly identity: string;
  readonly watcher: FSWatcher;
}

/** Folders watched for one device, so that other programs of the same user are left some of the kernel's watches. */
const MAX_WATCHES = 4096;

/**
 * Emits `changes` of a device's folders while there are subscribers. inotify reports names only: no file is opened, and
 * mounts can be unmounted. Folders that cannot be watched are left to polling.
 */
export class FolderWatches {
  readonly changes: Observable<void>;
  readonly #logger: DeviceContext['logger'];
  readonly #watched = new Map<string, Watched>();
  #subscriber: Subscriber<void> | undefined;
  #warned = false;

  /** @param until its abort ends all watching */
  constructor({ logger }: DeviceContext, until: AbortSignal) {
    this.#logger = logger;
    const hints = new Observable<void>(subscriber => {
      this.#subscriber = subscriber;
      return () => this.#end();
    });
    this.changes = hints.pipe(share(), takeUntil(fromEvent(until, 'abort')));
  }

  /** To be called before the folder is listed, so that later changes are emitted. Never rejects. */
  async add(folder: Buffer): Promise<void> {
    if (!this.#subscriber) return;
    const key = keyOf(folder);
    const identity = await identityOf(folder).catch(() => undefined);
    if (identity !== undefined && identity === this.#watched.get(key)?.identity) return;
    this.#drop(key);
    // inotify_add_watch resolves the path in the main thread, which a server that hangs would block.
    if (identity === undefined || !(await isLocal(folder))) return;
    this.#watch(folder, key, identity);
  }

  /** Ends the watches of all other folders. */
  keepOnly(folders: readonly Buffer[]): void {
    const kept = new Set(folders.map(keyOf));
    for (const key of this.#watched.keys()) if (!kept.has(key)) this.#drop(key);
  }

  #watch(folder: Buffer, key: string, identity: string): void {
    if (!this.#subscriber || this.#watched.has(key)) return;
    if (this.#watched.size >= MAX_WATCHES) return this.#warn(`there are more than ${MAX_WATCHES} folders`);
    try {
      const watcher = watch(folder, { persistent: false, encoding: 'buffer' });
      watcher.on('change', (_kind, name) => this.#hint(name));
      watcher.on('error', () => this.#drop(key));
      this.#watched.set(key, { identity, watcher });
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#warn(codeOf(error) ?? String(error));
    }
  }

  #hint(name: string | Buffer | null): void {
    const known = name === null ? '' : nameFromBytes(Buffer.from(name));
    if (!isUnfinishedUpload(known)) this.#subscriber?.next();
  }

  #warn(reason: string): void {
    if (this.#warned) return;
    this.#warned = true;
    const remedy = reason === 'ENOSPC' ? '; raise fs.inotify.max_user_watches' : '';
    const consequence = 'new files in the others are found by the next scan';
    this.#logger.log('info', `not every folder can be watched (${reason}${remedy}): ${consequence}`);
  }

  #drop(key: string): void {
    this.#watched.get(key)?.watcher.close();
    this.#watched.delete(key);
  }

  #end(): void {
    this.#subscriber = undefined;
    for (const key of [...this.#watched.keys()]) this.#drop(key);
  }
}

const keyOf = (folder: Buffer): string => folder.toString('latin1');

/** Inode numbers are reused: the time of birth distinguishes a new folder from an old one. */
async function identityOf(folder: Buffer): Promise<string> {
  const { dev, ino, birthtimeMs } = await stat(folder);
  return `${dev}:${ino}:${birthtimeMs}`;
}
