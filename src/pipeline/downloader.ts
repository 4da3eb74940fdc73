import { Subject } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Digests, PartialFile } from '../local/partial-file.js';
import type { LocalStorage } from '../local/storage.js';
import {
  FileState,
  type Checkpoint,
  type Checksum,
  type ChecksumAlgorithm,
  type FileRecord,
  type Logger,
  type Source,
} from '../ports.js';
import { Checkpoints } from './checkpoints.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { progressOf, type Progress } from './progress.js';
import { besideName, restingState, withReason } from './record.js';
import { compare, hashOf, sourceChecksum } from './verified.js';
import type { Lane, Progressed, Task, Work } from './worker.js';

export interface DownloadTools {
  readonly hub: DeviceHub;
  readonly ledger: Ledger;
  readonly local: LocalStorage;
  readonly logger: Logger;
  laneOf(record: FileRecord): Lane;
  /** A file of that source is not as it was listed: another look at everything is due. */
  distrust(device: string): void;
}

/** Brings found files to local storage: resumed where it was cut, verified, and only then DOWNLOADED. */
export class Downloader implements Work<Task> {
  readonly progress = new Subject<Progress>();
  readonly #tools: DownloadTools;

  constructor(tools: DownloadTools) {
    this.#tools = tools;
  }

  lane(task: Task): Lane {
    const record = this.#tools.ledger.get(task.key);
    if (!record) throw new FileSyncError('internal', `no record ${task.key}`);
    return this.#tools.laneOf(record);
  }

  async run(task: Task, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const record = this.#tools.ledger.get(task.key);
    const waits = record?.state === FileState.FOUND || record?.state === FileState.DOWNLOADING;
    if (!record || !waits || (await this.#adopt(record))) return;
    const named = await this.#freeName(record);
    if (named) await this.#fetch(named, signal, progressed);
  }

  async failed(task: Task, error: FileSyncError, final: boolean): Promise<void> {
    const { ledger, logger } = this.#tools;
    const state = stateAfter(error, final);
    const record = await ledger.update(task.key, now => withReason({ ...now, state }, reasonOf(error)));
    if (!record || error.kind === 'cancelled') return;
    if (error.kind === 'changed' || error.kind === 'not-found') this.#tools.distrust(record.device);
    const next =
      state === FileState.FOUND ? 'will try again' : state === FileState.FAILED ? 'gave up' : 'vanished';
    logger.log(
      state === FileState.FAILED ? 'error' : 'warn',
      `${record.device}:${record.path}: ${error.message} (${next})`,
    );
  }

  /** A crash after the rename and before the record said so: the whole file is there already. */
  async #adopt(record: FileRecord): Promise<boolean> {
    const { local } = this.#tools;
    if (record.sha256 === undefined || !(await local.stat(record.local))) return false;
    if ((await hashOf(local.open(record.local, 0))) !== record.sha256) return false;
    await this.#finish(record);
    return true;
  }

  /** A file of that name that is not ours stays as it is; ours goes beside it. */
  async #freeName(record: FileRecord): Promise<FileRecord | undefined> {
    const { local, ledger } = this.#tools;
    if (!(await local.stat(record.local))) return record;
    return ledger.update(record.id, now => ({ ...now, local: besideName(now.local, now.id) }));
  }

  async #fetch(record: FileRecord, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const source = this.#tools.hub.source(record.device);
    if (!source) throw new FileSyncError('unavailable', `${record.device} is not in the configuration`);
    const part = await this.#begin(record, digestsFor(record, source), signal);
    try {
      await this.#tools.local.ensureSpace(record.size - part.offset);
      // A `.part` that begins anew may be ahead of its record: after a crash it would only begin anew once more.
      if (record.checkpoint) await this.#begun(record, await part.checkpoint());
      await this.#copy(record, source, part, signal, progressed);
      const digests = await part.digests();
      const proof = await this.#verify(record, source, digests, signal);
      await this.#keep(record, part, { sha256: digests.sha256, ...(proof && { proof }) });
    } finally {
      await part.close();
    }
  }

  async #begin(
    record: FileRecord,
    algorithms: readonly ChecksumAlgorithm[],
    signal: AbortSignal,
  ): Promise<PartialFile> {
    const { local } = this.#tools;
    const part = await local.begin(record.local, record.checkpoint, signal, algorithms);
    if (part.offset <= record.size) return part;
    await part.close();
    return local.begin(record.local, undefined, signal, algorithms);
  }

  async #copy(
    record: FileRecord,
    source: Source,
    part: PartialFile,
    signal: AbortSignal,
    progressed: Progressed,
  ): Promise<void> {
    const checkpoints = new Checkpoints(part, record, checkpoint => this.#begun(record, checkpoint));
    try {
      for await (const chunk of source.read(record, part.offset, signal)) {
        await part.append(chunk);
        progressed(part.offset);
        this.progress.next(progressOf(record, part.offset));
        checkpoints.consider();
      }
    } finally {
      await checkpoints.idle();
    }
    if (part.offset === record.size) return;
    throw new FileSyncError('changed', `the source gave ${part.offset} of ${record.size} bytes`);
  }

  /**
   * Recorded before the first new byte goes to a `.part` that an earlier record vouches for: one that no record vouches
   * for is never continued.
   */
  async #begun(record: FileRecord, checkpoint: Checkpoint): Promise<void> {
    await this.#tools.ledger.update(record.id, now =>
      withReason({ ...now, state: FileState.DOWNLOADING, checkpoint }, ''),
    );
  }

  /** Gives what the source said of the bytes. */
  async #verify(
    record: FileRecord,
    source: Source,
    digests: Digests,
    signal: AbortSignal,
  ): Promise<Checksum | undefined> {
    const expected = await sourceChecksum(record, source, signal);
    try {
      compare({ ...digests }, expected);
      return expected;
    } catch (error) {
      await this.#tools.local.discard(record.local);
      throw error;
    }
  }

  /** The record knows our bytes by their hash before they get their final name, so that a crash between is understood. */
  async #keep(
    record: FileRecord,
    part: PartialFile,
    known: Pick<FileRecord, 'sha256' | 'proof'>,
  ): Promise<void> {
    const recording = this.#tools.ledger.update(record.id, ({ proof: _old, ...now }) =>
      withReason({ ...now, ...known, state: FileState.DOWNLOADING }, ''),
    );
    const [updated] = await Promise.all([recording, part.seal(record.modified)]);
    if (!updated) return;
    await part.commit();
    await this.#finish(record);
  }

  async #finish({ id, device, path, size }: FileRecord): Promise<void> {
    await this.#tools.ledger.update(id, ({ checkpoint: _done, ...now }) => {
      const held = { ...now, kept: true };
      return withReason({ ...held, state: restingState(held) }, '');
    });
    this.#tools.logger.log('info', `${device}:${path}: downloaded, ${size} bytes`);
  }
}

/** What the source may say of the bytes; what it can compute may be known only when it has been met. */
function digestsFor({ checksum }: FileRecord, { capabilities }: Source): readonly ChecksumAlgorithm[] {
  if (checksum) return [checksum.algorithm];
  return capabilities.checksumRereads ? [] : ['crc32-mavlink', capabilities.checksum || 'crc32-mavlink'];
}

function stateAfter(error: FileSyncError, final: boolean): FileState {
  if (error.kind === 'not-found') return FileState.VANISHED;
  return final && !error.temporary ? FileState.FAILED : FileState.FOUND;
}

/** Being stopped is no reason that a person needs to read. */
export function reasonOf(error: FileSyncError): string {
  return error.kind === 'cancelled' && error.message === 'cancelled' ? '' : error.message;
}
