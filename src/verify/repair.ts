import { LocalStorage } from '../local/storage.js';
import type { FileRecord } from '../ports.js';
import type { Records } from '../record/records.js';
import { hasLocalCopy } from '../record/state.js';
import { compareCopy, isFault } from './compare.js';

/** Has missing and corrupt copies fetched or sent again, by events: what follows is the engine's work. */
export class Repair {
  readonly #records: Records;
  readonly #local: LocalStorage;

  /** @param folder of the local copies, absolute */
  constructor(records: Records, folder: string) {
    this.#records = records;
    this.#local = new LocalStorage(folder);
  }

  /**
   * The local copy is compared once more; a corrupt one is renamed, and the file is fetched again. Returns why that cannot be done,
   * which changes nothing.
   */
  async copy(record: FileRecord): Promise<string | undefined> {
    const { id, device, path, local } = record;
    if (record.source.state !== 'present')
      return `${device} does not have ${path} any more: copy it to ${local} from a target or a backup`;
    if (hasLocalCopy(record)) {
      const verdict = await compareCopy(record, this.#local);
      if (!isFault(verdict)) return undefined;
      if (verdict.kind === 'unknown') return `its local copy ${verdict.message}`;
      if (this.#records.get(id)?.copy !== record.copy) return 'it has just changed: verify again';
      await this.#loseCopy(record, verdict.kind === 'corrupt');
    }
    await this.#records.commit(id, { type: 'CopyWanted' });
    return undefined;
  }

  /** The file is sent again. Returns why that cannot be done, which changes nothing. */
  async delivery(record: FileRecord, target: string, reason: string): Promise<string | undefined> {
    if (record.targets[target]?.state !== 'done') return `it is not recorded as delivered to ${target}`;
    if (record.source.state !== 'present' && !(await this.#hasWholeCopy(record)))
      return `neither ${record.device} nor local storage has it any more: copy it to ${target} from another place`;
    await this.#records.commit(record.id, { type: 'DeliveryLost', target, reason });
    return undefined;
  }

  async #hasWholeCopy(record: FileRecord): Promise<boolean> {
    return hasLocalCopy(record) && (await compareCopy(record, this.#local)) === 'hash';
  }

  async #loseCopy({ id, local }: FileRecord, isCorrupt: boolean): Promise<void> {
    const kept = isCorrupt ? await this.#local.quarantine(local) : undefined;
    const reason =
      kept === undefined
        ? 'the local copy is gone'
        : `the local copy is no longer what was downloaded (kept as ${kept})`;
    await this.#records.commit(id, { type: 'CopyLost', reason });
  }
}
