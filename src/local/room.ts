import bytes from 'bytes';
import { FileSyncError } from '../errors.js';
import type { Space } from '../ports.js';
import { isLocalType } from '../system/local-file-system.js';
import { spaceOf, statfsNearest, type MinFree } from '../system/statfs.js';
import { onDisk } from './disk-error.js';

/** Bytes that may be fetched before what is free is counted again: what others write meanwhile is noticed in time. */
const MAX_SPARE = 1024 * 1024;

/** The space of the file system that holds the local copies, above what must stay free. */
export class Room {
  readonly #folder: string;
  readonly #minFree: MinFree;
  /** Bytes that were free when they were last counted, and that nobody has asked for since. */
  #spare = 0;
  #local = false;

  /** @param folder absolute; it need not exist yet */
  constructor(folder: string, minFree: MinFree = { bytes: 0 }) {
    this.#folder = folder;
    this.#minFree = minFree;
  }

  /** The file system was this machine's kernel's own when it was last looked at. */
  get local(): boolean {
    return this.#local;
  }

  /** Bytes that this user may still write, never negative, and those of the whole file system. */
  async space(): Promise<Space> {
    const asked = () => statfsNearest(this.#folder);
    const found = await onDisk(this.#folder, { operation: 'stat', origin: 'local' }, asked);
    this.#local = isLocalType(found);
    const { free, total } = spaceOf(found);
    return { free: Math.max(0, free - reserved(this.#minFree, total)), total };
  }

  /** Rejects with `no-space` if `size` more bytes do not fit. Small files are not counted one by one. */
  async ensure(size: number): Promise<void> {
    if (size <= this.#spare) return void (this.#spare -= size);
    const { free } = await this.space();
    this.#spare = Math.min(MAX_SPARE, Math.max(0, free - size));
    if (free < size) throw this.#tooFull(free, size);
  }

  #tooFull(free: number, size: number): FileSyncError {
    const [has, needs, lacks] = [free, size, size - free].map(amount => bytes.format(amount));
    const limit = wordsOf(this.#minFree);
    const above = limit && ` above \`min_free\` (${limit})`;
    const lower = limit && 'lower `min_free`, ';
    const cure = `free ${lacks} there, ${lower}let rules delete local copies (after: local), or set another \`local\``;
    const message = `${this.#folder}: the disk has ${has} free${above} and the file needs ${needs}: ${cure}`;
    return new FileSyncError('no-space', message, {
      ...{ operation: 'write', origin: 'local', path: this.#folder },
    });
  }
}

const reserved = (minFree: MinFree, total: number): number =>
  'bytes' in minFree ? minFree.bytes : Math.ceil((total * minFree.percent) / 100);

/** As in the configuration; empty if nothing must stay free. */
function wordsOf(minFree: MinFree): string {
  if ('percent' in minFree) return minFree.percent > 0 ? `${minFree.percent}%` : '';
  return minFree.bytes > 0 ? (bytes.format(minFree.bytes) ?? '') : '';
}
