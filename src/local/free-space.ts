import { FileSyncError } from '../errors.js';
import type { Space } from '../ports.js';
import { isLocalType } from '../system/local-file-system.js';
import { formatSize } from '../system/size.js';
import { spaceOf, statfsNearest, type MinFree } from '../system/statfs.js';
import { onDisk } from './disk-error.js';

/** Bytes that may be fetched before the free space is measured again, because other programs write as well. */
const MAX_SPARE_BYTES = 1024 * 1024;

/** The free space of the file system with the local copies, above `min_free`. */
export class FreeSpace {
  readonly #folder: string;
  #minFree: MinFree;
  /** Bytes that were free at the last measurement and have not been reserved since. */
  #spare = 0;
  #local = false;

  /** @param folder absolute; it need not exist yet */
  constructor(folder: string, minFree: MinFree = { bytes: 0 }) {
    this.#folder = folder;
    this.#minFree = minFree;
  }

  set minFree(minFree: MinFree) {
    this.#minFree = minFree;
    this.#spare = 0;
  }

  /** Whether the file system was a local one at the last measurement. */
  get local(): boolean {
    return this.#local;
  }

  /** `free`: bytes that this user may still write, never negative; `total`: those of the whole file system. */
  async space(): Promise<Space> {
    const asked = () => statfsNearest(this.#folder);
    const found = await onDisk(this.#folder, { operation: 'stat', origin: 'local' }, asked);
    this.#local = isLocalType(found);
    const { free, total } = spaceOf(found);
    return { free: Math.max(0, free - reserved(this.#minFree, total)), total };
  }

  /** Rejects with `no-space` if `size` more bytes do not fit. Small files are not measured one by one. */
  async ensure(size: number): Promise<void> {
    if (size <= this.#spare) return void (this.#spare -= size);
    const { free } = await this.space();
    this.#spare = Math.min(MAX_SPARE_BYTES, Math.max(0, free - size));
    if (free < size) throw this.#tooFull(free, size);
  }

  #tooFull(free: number, size: number): FileSyncError {
    const [has, needs, lacks] = [free, size, size - free].map(formatSize);
    const limit = wordsOf(this.#minFree);
    const above = limit && ` above \`min_free\` (${limit})`;
    const lower = limit && 'lower `min_free`, ';
    const remedy = `free ${lacks} there, ${lower}let rules delete local copies (after: local), or set another \`local\``;
    const message = `${this.#folder}: the disk has ${has} free${above} and the file needs ${needs}: ${remedy}`;
    return new FileSyncError('no-space', message, {
      ...{ operation: 'write', origin: 'local', path: this.#folder },
    });
  }
}

const reserved = (minFree: MinFree, total: number): number =>
  'bytes' in minFree ? minFree.bytes : Math.ceil((total * minFree.percent) / 100);

/** Empty if nothing must stay free. */
function wordsOf(minFree: MinFree): string {
  if ('percent' in minFree) return minFree.percent > 0 ? `${minFree.percent}%` : '';
  return minFree.bytes > 0 ? formatSize(minFree.bytes) : '';
}
