import { FileSyncError } from '../errors.js';

/** Entries that one message names; the others are counted. */
const MAX_NAMED = 3;

/** An entry of a listing that cannot be understood or entered. */
export interface UnreadableEntry {
  /** As the source names it. */
  readonly path: string;
  /** The end of the sentence that begins with the path: `has no valid size (-1)`. */
  readonly problem: string;
  /** What to do about it. */
  readonly remedy: string;
}

/**
 * The entries of one listing that could not be read. Such an entry costs itself only: the source lists everything else and
 * then throws `error`, which the Finder reports once. Since the listing is incomplete, no file counts as gone.
 */
export class UnreadableEntries {
  readonly #named: UnreadableEntry[] = [];
  #count = 0;

  add(entry: UnreadableEntry): void {
    this.#count++;
    if (this.#named.length < MAX_NAMED) this.#named.push(entry);
  }

  /** `denied`, as `Source.list` wants it; undefined if every entry was read. */
  get error(): FileSyncError | undefined {
    const [first] = this.#named;
    if (!first) return undefined;
    return new FileSyncError('denied', this.#message(first), { operation: 'list', path: first.path });
  }

  /** To be called when everything else has been listed. */
  throwIfAny(): void {
    if (this.error) throw this.error;
  }

  #message({ path, problem, remedy }: UnreadableEntry): string {
    const others = this.#named.slice(1).map(other => `${shown(other.path)} ${other.problem}`);
    const more = this.#count - this.#named.length;
    if (more > 0) others.push(`${more} more ${more === 1 ? 'entry' : 'entries'}`);
    const also = others.length > 0 ? ` (also: ${others.join('; ')})` : '';
    return `${shown(path)} ${problem}: ${remedy}${also}`;
  }
}

/** A path from outside, without characters that would break or hide a line of the log. */
function shown(path: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters to replace
  return path.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, '?').slice(0, 300);
}
