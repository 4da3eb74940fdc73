import { basename } from 'node:path';
import { Subject } from 'rxjs';
import { FileSyncError, streamFrom, toFileSyncError } from '../errors.js';
import type { Digests, PartialFile } from '../local/partial-file.js';
import type { LocalStorage } from '../local/storage.js';
import { compare, digestsFor, holdsSameBytes, knownChecksum, sourceChecksum } from '../local/verification.js';
import type { Checksum, FileRecord, Logger, Source } from '../ports.js';
import { progressOf, type Progress } from '../record/progress.js';
import type { DeviceRegistry } from './devices.js';
import { conflictName } from '../record/identity.js';
import type { Outcome } from '../record/events.js';
import { refuseOtherBytes } from '../record/other-bytes.js';
import { recordSame } from '../record/same-file.js';
import { checkpointOf, nextOf, reasonFor } from '../record/state.js';
import type { Records } from '../record/records.js';
import type { Progressed, StepWorker, Step } from './steps.js';

export interface DownloaderParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly local: LocalStorage;
  readonly logger: Logger;
  /** A file of that source differs from its listing: a full scan is due. */
  readonly invalidate: (device: string) => void;
}

/** New bytes after which a checkpoint is written: a power cut loses no more. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** One attempt to fetch one file. */
interface Fetch {
  readonly record: FileRecord;
  readonly source: Source;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
}

/** Downloads found files to local storage: interrupted downloads are resumed, and a copy is whole only when verified. */
export class Downloader implements StepWorker {
  readonly progress = new Subject<Progress>();
  readonly #parts: DownloaderParts;

  constructor(parts: DownloaderParts) {
    this.#parts = parts;
  }

  async run(
    { kind, id, source: device = '' }: Step,
    signal: AbortSignal,
    progressed: Progressed,
  ): Promise<void> {
    const { records, registry } = this.#parts;
    const found = records.get(id);
    if (!found || (await this.#adopt(found))) return;
    if (kind === 'recover') return void records.apply(id, { type: 'NotRecovered' });
    const source = registry.source(device);
    if (!source) throw new FileSyncError('unavailable', `${device} is not in the configuration`);
    if (await this.#recognise(found, source, signal)) return;
    const record = records.apply(id, { type: 'FetchBegan', local: found.local });
    if (record) await this.#fetch({ record, source, signal, progressed });
  }

  failed({ id }: Step, error: FileSyncError, outcome: Outcome, last: boolean): void {
    const { records, invalidate } = this.#parts;
    const reason = reasonFor(error);
    const gone = error.kind === 'not-found';
    const failed = { type: 'FetchFailed', reason, outcome: gone ? 'gone' : outcome } as const;
    const event = error.kind === 'corrupt' ? ({ type: 'Mismatched', reason } as const) : failed;
    const record = records.apply(id, event);
    if (!record || error.kind === 'cancelled') return;
    if (error.kind === 'changed' || gone) invalidate(record.device);
    const { device, givenUp: isFinal = false } = record;
    const next = gone ? 'vanished' : nextOf(isFinal, last);
    records.failures.report('fetch', device, record, {
      ...{ reason: error.message, next, isFinal, reported: error.reported },
    });
  }

  /** The finished copy exists already: after a crash between the rename and its record, or for a record that was forgotten. */
  async #adopt(record: FileRecord): Promise<boolean> {
    const { local } = this.#parts;
    const { sha256, size } = record;
    if (sha256 === undefined || !(await local.sameAs(record.local, size, sha256))) return false;
    this.#finish(record);
    return true;
  }

  /** A file that may be the same as an earlier one is compared by the source's checksum, if it has one, instead of fetched. */
  async #recognise(record: FileRecord, source: Source, signal: AbortSignal): Promise<boolean> {
    const { records, local } = this.#parts;
    const earlier = record.like === undefined ? undefined : records.get(record.like);
    if (!earlier || knownChecksum(earlier, source) === undefined) return false;
    if (!(await holdsSameBytes(earlier, record, source, local, signal))) {
      records.apply(record.id, { type: 'Distinguished' });
      return false;
    }
    const { sha256, proof } = earlier;
    await recordSame(records, this.#parts.logger, record, earlier, {
      ...(sha256 !== undefined && { sha256 }),
      ...(proof && { proof }),
    });
    return true;
  }

  async #fetch(fetch: Fetch): Promise<void> {
    const { record } = fetch;
    const part = await this.#begin(fetch);
    try {
      await this.#parts.local.ensureSpace(record.size - part.offset);
      // A `.part` that was reset may disagree with its checkpoint: a new one is written before more bytes are.
      if (checkpointOf(record)) await this.#checkpoint(record, part);
      await this.#copy(fetch, part);
      const digests = await part.digests();
      const proof = await this.#verify(fetch, digests);
      await this.#refuseOtherBytes(record, digests);
      await this.#commit(record, part, digests.sha256, proof);
    } finally {
      await part.close();
    }
  }

  async #begin({ record, source, signal }: Fetch): Promise<PartialFile> {
    const { local } = this.#parts;
    const algorithms = digestsFor(record, source);
    const part = await local.begin(record.local, checkpointOf(record), signal, algorithms);
    if (part.offset <= record.size) return part;
    await part.close();
    return local.begin(record.local, undefined, signal, algorithms);
  }

  /** Checkpoints are written while more bytes arrive. A file that arrives in one piece needs none. */
  async #copy({ record, source, signal, progressed }: Fetch, part: PartialFile): Promise<void> {
    let [safe, isBegun] = [part.offset, checkpointOf(record) !== undefined];
    let saving: Promise<void> | undefined;
    let failure: unknown;
    const save = () => {
      safe = part.offset;
      const first = !isBegun;
      isBegun = true;
      saving = this.#checkpoint(record, part, first)
        .catch((error: unknown) => (failure = error))
        .then(() => (saving = undefined));
    };
    try {
      for await (const chunk of streamFrom('source', source.read(record, part.offset, signal))) {
        await part.append(chunk);
        progressed(part.offset);
        this.progress.next(progressOf(record, part.offset));
        if (failure) throw toFileSyncError(failure);
        const isDue = !isBegun || part.offset - safe >= CHECKPOINT_BYTES;
        if (!saving && isDue && part.offset < record.size) save();
      }
    } finally {
      await saving;
    }
    if (part.offset === record.size) return;
    const message = `the source returned ${part.offset} of ${record.size} bytes`;
    throw new FileSyncError('changed', message, { origin: 'source' });
  }

  /** The first checkpoint of a file needs no fsync: what the kernel has survives a kill. */
  async #checkpoint({ id }: FileRecord, part: PartialFile, first = false): Promise<void> {
    const checkpoint = first ? part.safe : await part.checkpoint();
    await this.#parts.records.commit(id, { type: 'Checkpointed', checkpoint });
  }

  /** A file that is fetched again may have changed on the source since a target got it. */
  async #refuseOtherBytes({ id, local }: FileRecord, { sha256 }: Digests): Promise<void> {
    try {
      refuseOtherBytes(this.#parts.records.get(id), sha256);
    } catch (error) {
      await this.#parts.local.discard(local);
      throw error;
    }
  }

  /** Returns the source's checksum of the bytes, if there is one. */
  async #verify({ record, source, signal }: Fetch, digests: Digests): Promise<Checksum | undefined> {
    const expected = await sourceChecksum(record, source, signal);
    try {
      compare({ ...digests }, expected);
      return expected;
    } catch (error) {
      await this.#parts.local.discard(record.local);
      throw error;
    }
  }

  /** The record has the hash before the file gets its final name, so that a crash in between can be resolved. */
  async #commit(
    record: FileRecord,
    part: PartialFile,
    sha256: string,
    proof: Checksum | undefined,
  ): Promise<void> {
    const { records, local, logger } = this.#parts;
    const digested = { sha256, ...(proof && { proof }) };
    const earlier = record.like === undefined ? undefined : records.get(record.like);
    if (earlier?.sha256 === sha256) {
      await local.discard(record.local);
      return recordSame(records, logger, record, earlier, digested);
    }
    const synced = part.fsync(record.modified);
    for (let name = record.local, number = 1; ; number++) {
      const hashed = records.commit(record.id, { type: 'Hashed', local: name, ...digested });
      const [updated] = await Promise.all([hashed, synced]);
      if (!updated) return;
      if (await this.#commitAs(name, part, record, sha256)) return this.#finish(updated);
      name = conflictName(record.local, number === 1 ? record.id : `${record.id}.${number}`);
    }
  }

  /** False if a file with other bytes has the name: it stays as it is. A file with the same bytes is taken as the copy. */
  async #commitAs(name: string, part: PartialFile, record: FileRecord, sha256: string): Promise<boolean> {
    const { local } = this.#parts;
    try {
      await part.commit(basename(name));
      return true;
    } catch (error) {
      if (toFileSyncError(error).kind !== 'exists') throw error;
    }
    if (!(await local.sameAs(name, record.size, sha256))) return false;
    await local.discard(record.local);
    return true;
  }

  #finish({ id, device, path, size }: FileRecord): void {
    this.#parts.records.apply(id, { type: 'Fetched' });
    this.#parts.logger.log('info', `${device}:${path}: downloaded, ${size} bytes`);
  }
}
