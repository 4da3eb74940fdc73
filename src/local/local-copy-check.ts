import { throwIfAborted, toFileSyncError } from '../errors.js';
import type { FileRecord, Logger } from '../ports.js';
import type { Records } from '../record/records.js';
import { hasLocalCopy, isDelivered } from '../record/state.js';
import { possibleCopies } from './possible-copies.js';
import type { LocalStorage } from './storage.js';

export interface LocalCopyCheckParts {
  readonly records: Records;
  readonly local: LocalStorage;
  /** Names of the devices that files come from. */
  readonly sources: readonly string[];
  readonly logger: Logger;
}

/** Compares local copies and records once at the start, in parallel with all other work. */
export class LocalCopyCheck {
  readonly #parts: LocalCopyCheckParts;

  constructor(parts: LocalCopyCheckParts) {
    this.#parts = parts;
  }

  /**
   * A power cut or a person may have caused differences: an evicted copy that is there again is removed again, a copy that is
   * gone is recorded as lost until it is back. Files without a record are not changed.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#compareFolders(signal);
    } catch (thrown) {
      const { kind, message } = toFileSyncError(thrown);
      if (kind !== 'cancelled')
        this.#parts.logger.log('warn', `local copies and records were not compared: ${message}`);
    }
  }

  async #compareFolders(signal: AbortSignal): Promise<void> {
    const { records, logger } = this.#parts;
    const held = [...records.all()].filter(record => isDelivered(record) && hasLocalCopy(record));
    const files = await this.#localFiles(signal);
    const missing = held.filter(({ local }) => !files.has(local));
    const isBack = (record: FileRecord) => !hasLocalCopy(record) && files.get(record.local) === record.size;
    const back = [...records.all()].filter(record => isDelivered(record) && isBack(record));
    for (const { local } of records.all()) files.delete(local);
    for (const { id } of back) await this.#repair(id, signal);
    for (const { id } of missing) await this.#recordMissing(id, signal);
    if (files.size > 0) for await (const { local } of records.archived()) files.delete(local);
    const [example] = files.keys();
    if (example === undefined) return;
    const what = `local files without a record: ${files.size}, such as ${example}`;
    logger.log('info', `${what}: they are not changed`);
  }

  /** Sizes by name. */
  async #localFiles(signal: AbortSignal): Promise<Map<string, number>> {
    const { local, records, sources } = this.#parts;
    const files = new Map<string, number>();
    for await (const file of possibleCopies(local, records.all(), sources, signal))
      files.set(file.local, file.size);
    return files;
  }

  /** A file of that name and size with another hash is not ours, and is not changed. */
  async #repair(id: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { records, local, logger } = this.#parts;
    const before = records.get(id);
    if (!before || !(await this.#isCopyOf(before, signal))) return;
    const record = records.get(id);
    if (record?.copy.state === 'none') records.apply(id, { type: 'Fetched' });
    if (record?.copy.state !== 'evicted') return;
    await local.remove(record.local);
    logger.log(
      'info',
      `${record.local}: a local copy that was removed was there again, and is removed again`,
    );
  }

  async #isCopyOf({ local, size, sha256 }: FileRecord, signal: AbortSignal): Promise<boolean> {
    return sha256 !== undefined && this.#parts.local.sameAs(local, size, sha256, signal);
  }

  /** Recorded as lost, not as evicted: the disk of the copies may only be offline. */
  async #recordMissing(id: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { records, local } = this.#parts;
    const record = records.get(id);
    if (!record || (await local.stat(record.local))) return;
    const now = records.get(id);
    if (!now || !isDelivered(now) || !hasLocalCopy(now)) return;
    records.apply(id, { type: 'CopyLost', reason: 'the local copy is gone' });
  }
}
