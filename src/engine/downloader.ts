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
import { checkpointOf, nextOf, reasonFor } from '../record/state.js';
import type { Records } from '../record/records.js';
import type { Progressed, StepWorker, Step } from './steps.js';

export interface DownloaderParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly local: LocalStorage;
  readonly logger: Logger;
  /** A file of that source is not as it was listed: a full scan is due. */
  readonly invalidate: (device: string) => void;
}

/** After so many new bytes, what has arrived is made safe against a power cut. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** One attempt to fetch one file. */
interface Fetch {
  readonly record: FileRecord;
  readonly source: Source;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
}

/** Brings found files to local storage: resumed where they were cut, verified, and only then whole. */
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
    const reason = reasonFor(error);
    const gone = error.kind === 'not-found';
    const failed = { type: 'FetchFailed', reason, outcome: gone ? 'gone' : outcome } as const;
    const event = error.kind === 'corrupt' ? ({ type: 'Mismatched', reason } as const) : failed;
    const record = this.#parts.records.apply(id, event);
    if (!record || error.kind === 'cancelled') return;
    if (error.kind === 'changed' || gone) this.#parts.invalidate(record.device);
    const { givenUp, device, path } = record;
    const next = gone ? 'vanished' : nextOf(givenUp === true, last);
    this.#parts.logger.log(givenUp ? 'error' : 'warn', `${device}:${path}: ${error.message} (${next})`);
  }

  /** A crash after the rename and before the record said so, or a record that was forgotten: the whole file is there already. */
  async #adopt(record: FileRecord): Promise<boolean> {
    const { local } = this.#parts;
    if (record.sha256 === undefined || !(await local.stat(record.local))) return false;
    if ((await local.checksum(record.local, 'sha256')).value !== record.sha256) return false;
    this.#finish(record);
    return true;
  }

  /** What an earlier file of this path may be is compared where the source can compute a checksum: nothing is fetched then. */
  async #recognise(record: FileRecord, source: Source, signal: AbortSignal): Promise<boolean> {
    const { records, local } = this.#parts;
    const earlier = record.like === undefined ? undefined : records.get(record.like);
    if (!earlier || knownChecksum(earlier, source) === undefined) return false;
    if (!(await holdsSameBytes(earlier, record, source, local, signal))) {
      records.apply(record.id, { type: 'Distinguished' });
      return false;
    }
    const { sha256, proof } = earlier;
    await this.#isTheSame(record, earlier, {
      ...(sha256 !== undefined && { sha256 }),
      ...(proof && { proof }),
    });
    return true;
  }

  async #isTheSame(
    { id, device, path }: FileRecord,
    earlier: FileRecord,
    digested: Pick<FileRecord, 'sha256' | 'proof'>,
  ): Promise<void> {
    await this.#parts.records.commit(id, { type: 'Recognised', earlier, ...digested });
    this.#parts.logger.log('info', `${device}:${path}: holds the same bytes as before, not sent again`);
  }

  async #fetch(fetch: Fetch): Promise<void> {
    const { record } = fetch;
    const part = await this.#begin(fetch);
    try {
      await this.#parts.local.ensureSpace(record.size - part.offset);
      // A `.part` that begins again may be ahead of its record: after a crash it would only begin again once more.
      if (checkpointOf(record)) await this.#checkpoint(record, part);
      await this.#copy(fetch, part);
      const digests = await part.digests();
      const proof = await this.#verify(fetch, digests);
      await this.#refuseOthers(record, digests);
      await this.#keep(record, part, digests.sha256, proof);
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

  /** What has arrived is made safe from time to time, while more of it arrives. A file that comes in one piece needs none of that. */
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
    const message = `the source gave ${part.offset} of ${record.size} bytes`;
    throw new FileSyncError('changed', message, { origin: 'source' });
  }

  /** The first record of a file that has been begun syncs nothing: what the kernel has survives a kill. */
  async #checkpoint({ id }: FileRecord, part: PartialFile, first = false): Promise<void> {
    const checkpoint = first ? part.safe : await part.checkpoint();
    await this.#parts.records.commit(id, { type: 'Checkpointed', checkpoint });
  }

  /** A copy that is fetched again may be another file by now. */
  async #refuseOthers({ id, local }: FileRecord, { sha256 }: Digests): Promise<void> {
    try {
      refuseOtherBytes(this.#parts.records.get(id), sha256);
    } catch (error) {
      await this.#parts.local.discard(local);
      throw error;
    }
  }

  /** Gives what the source said of the bytes. */
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

  /** The record knows our bytes by their hash before they get their final name, so that a crash between is understood. */
  async #keep(
    record: FileRecord,
    part: PartialFile,
    sha256: string,
    proof: Checksum | undefined,
  ): Promise<void> {
    const { records, local } = this.#parts;
    const digested = { sha256, ...(proof && { proof }) };
    const earlier = record.like === undefined ? undefined : records.get(record.like);
    if (earlier?.sha256 === sha256) {
      await local.discard(record.local);
      return this.#isTheSame(record, earlier, digested);
    }
    const sealed = part.fsync(record.modified);
    for (let name = record.local, number = 1; ; number++) {
      const hashed = records.commit(record.id, { type: 'Hashed', local: name, ...digested });
      const [updated] = await Promise.all([hashed, sealed]);
      if (!updated) return;
      if (await this.#takes(name, part, record, sha256)) return this.#finish(updated);
      name = conflictName(record.local, number === 1 ? record.id : `${record.id}.${number}`);
    }
  }

  /** False if a file of another content has the name: it stays as it is, and ours goes beside it. One of our content is ours. */
  async #takes(name: string, part: PartialFile, record: FileRecord, sha256: string): Promise<boolean> {
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
