import { toFileSyncError, type FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import { verified } from '../local/verification.js';
import type { Clock, FileRecord, Logger } from '../ports.js';
import type { Records } from '../record/records.js';
import { hasLocalCopy } from '../record/state.js';
import { BAG_MARKER } from '../rules/together.js';
import type { Listing } from '../rules/unit.js';
import { bagFilesIn, MAX_METADATA_BYTES, TOO_LARGE } from './bag-files.js';

export interface ListingsParts {
  readonly records: Pick<Records, 'get' | 'apply'>;
  readonly local: Pick<LocalStorage, 'open' | 'quarantine'>;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Ends all reading. */
  readonly signal: AbortSignal;
  /** More is known of the list of that marker. */
  readonly onRead: (id: string) => void;
}

const NONE: Listing = { kind: 'none' };
/** The pause before a local copy is read again that could not be read. */
const RETRY_MS = 10_000;
const READING: Listing = { kind: 'unknown', why: 'it is being read', soon: true };

/** What the local copies of markers say of the files of their units. */
export class Listings {
  readonly #parts: ListingsParts;
  /** By id, as of the copy with that hash. */
  readonly #known = new Map<string, { readonly sha256: string; readonly listing: Listing }>();

  constructor(parts: ListingsParts) {
    this.#parts = parts;
  }

  /** A file without a local copy says nothing where there is none by its rule, and is waited for elsewhere. */
  of(marker: FileRecord): Listing {
    const { id, path, size, via, sha256 = '' } = marker;
    if (path.slice(path.lastIndexOf('/') + 1).toLowerCase() !== BAG_MARKER || via === 'stream') return NONE;
    if (!hasLocalCopy(marker)) return { kind: 'unknown', why: whyNotFetched(marker) };
    if (size > MAX_METADATA_BYTES) return TOO_LARGE;
    const known = this.#known.get(id);
    if (known?.sha256 === sha256) return known.listing;
    this.#known.set(id, { sha256, listing: READING });
    void this.#learn(marker, sha256);
    return READING;
  }

  drop(id: string): void {
    this.#known.delete(id);
  }

  async #learn(marker: FileRecord, sha256: string): Promise<void> {
    const { id, path } = marker;
    const { signal, onRead } = this.#parts;
    try {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      const listing = await bagFilesIn(await this.#read(marker, sha256), folder, signal);
      if (this.#known.get(id)?.sha256 === sha256) this.#known.set(id, { sha256, listing });
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toFileSyncError(thrown);
      const isLost = await this.#repair(marker, error).catch(() => false);
      if (isLost) this.#known.delete(id);
      else this.#readLater(id, sha256, error);
    }
    if (!signal.aborted) onRead(id);
  }

  /** Until then the list is unknown. */
  #readLater(id: string, sha256: string, { message }: FileSyncError): void {
    if (this.#known.get(id)?.sha256 !== sha256) return;
    const listing: Listing = { kind: 'unknown', why: `its local copy cannot be read: ${message}` };
    this.#known.set(id, { sha256, listing });
    const { clock, signal, onRead } = this.#parts;
    const again = () => {
      if (this.#known.get(id)?.listing !== listing) return;
      this.#known.delete(id);
      onRead(id);
    };
    void clock.sleep(RETRY_MS, signal).then(again, () => undefined);
  }

  async #read({ local, size }: FileRecord, sha256: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    const bytes = verified(this.#parts.local.open(local, 0, this.#parts.signal, size), 0, sha256);
    for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString();
  }

  /**
   * A copy that is lost or corrupt is fetched again, as when it is sent. Returns false for whatever else is wrong with our disk, which
   * may pass.
   */
  async #repair(marker: FileRecord, { kind, message }: FileSyncError): Promise<boolean> {
    const { records, local, logger, signal } = this.#parts;
    const { id, device, path, lost } = marker;
    if (kind !== 'corrupt' && kind !== 'not-found') return false;
    const isSame = () => !signal.aborted && records.get(id)?.lost === lost;
    if (kind === 'corrupt' && isSame()) await local.quarantine(marker.local);
    if (!isSame()) return true;
    logger.log('warn', `${device}:${path}: ${message}; fetching it again`);
    records.apply(id, { type: 'CopyLost', reason: message });
    return true;
  }
}

function whyNotFetched({ givenUp, reason }: FileRecord): string {
  if (givenUp) return `FAILED: ${reason ?? 'no reason is known'}`;
  return reason === undefined ? 'it is not fetched yet' : `it is not fetched yet (${reason})`;
}
