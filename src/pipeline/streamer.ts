import { createHash } from 'node:crypto';
import { FileSyncError, toFileSyncError } from '../errors.js';
import {
  FileState,
  type FileRecord,
  type Logger,
  type Outgoing,
  type Receipt,
  type Source,
  type Target,
} from '../ports.js';
import type { Courier, DeliveryTask, Parcel, Write } from './courier.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { Passage, type Proof } from './passage.js';
import { openDelivery, withDelivery, withReason } from './record.js';
import type { Lane, Progressed, Work } from './worker.js';

/** Calls `work` with both ends when it may use them at the same time. */
export type UseBoth = <Value>(
  source: Source,
  target: Target,
  signal: AbortSignal,
  work: (source: Source, target: Target) => Promise<Value>,
) => Promise<Value>;

export interface StreamTools {
  readonly hub: DeviceHub;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly courier: Courier;
  readonly useBoth: UseBoth;
  laneOf(record: FileRecord, target: string): Lane;
  /** The device's files are no longer as its last listing said. */
  distrust(device: string): void;
  /** What a target is told of a file, but for its bytes. */
  about(record: FileRecord): Promise<Pick<Outgoing, 'source' | 'device' | 'description' | 'render'>>;
}

const STREAMED: ReadonlySet<FileState> = new Set([
  FileState.FOUND,
  FileState.PARTIAL,
  FileState.UPLOADING,
  FileState.DOWNLOADED,
]);

/** Brings files from their source straight to each target, without a local copy: for each target the source is read. */
export class Streamer implements Work<DeliveryTask> {
  readonly #tools: StreamTools;
  readonly #passages = new Map<string, Passage>();

  constructor(tools: StreamTools) {
    this.#tools = tools;
  }

  lane({ id, target }: DeliveryTask): Lane {
    const record = this.#tools.ledger.get(id);
    if (!record) throw new FileSyncError('internal', `no record ${id}`);
    return this.#tools.laneOf(record, target);
  }

  async run(task: DeliveryTask, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const { id, target: name } = task;
    const record = this.#tools.ledger.get(id);
    const delivery = record && openDelivery(record, name);
    if (!record || !delivery || record.via !== 'stream' || !STREAMED.has(record.state)) return;
    const passage = this.#passages.get(task.key) ?? new Passage(record, false);
    this.#passages.set(task.key, passage);
    const parcel = new StreamParcel(this.#tools, passage, this.#ends(record, name), {
      ...{ record, name, signal, progressed },
      about: await this.#tools.about(record),
    });
    try {
      await parcel.begin();
      await this.#tools.courier.deliver(parcel, delivery);
      this.#passages.delete(task.key);
    } catch (error) {
      await this.#explain(task, passage, toFileSyncError(error));
    }
  }

  async failed(task: DeliveryTask, error: FileSyncError, final: boolean): Promise<void> {
    const over = final || !this.#tools.ledger.get(task.id);
    if (over) this.#passages.delete(task.key);
    await this.#tools.courier.failed(task, error, final);
  }

  #ends(record: FileRecord, name: string): Ends {
    const source = this.#tools.hub.source(record.device);
    const target = this.#tools.hub.target(name);
    if (source && target) return { source, target };
    const missing = source ? name : record.device;
    throw new FileSyncError('unavailable', `${missing} is not in the configuration`);
  }

  /** Where the source failed, its own words count, not what the target made of them. */
  async #explain(task: DeliveryTask, passage: Passage, thrown: FileSyncError): Promise<void> {
    const error = passage.failure ?? thrown;
    const record = this.#tools.ledger.get(task.id);
    if (error.kind === 'corrupt' && record) this.#passages.set(task.key, new Passage(record, true));
    const gone = passage.failure?.kind === 'not-found';
    if (record && (gone || passage.failure?.kind === 'changed')) this.#tools.distrust(record.device);
    if (!gone) throw error;
    this.#passages.delete(task.key);
    await this.#vanished(task, error.message);
  }

  /** Whatever the targets have got of it by now, the others never will. */
  async #vanished({ id, target }: DeliveryTask, reason: string): Promise<void> {
    const record = await this.#tools.ledger.update(id, now => {
      const { path } = now.targets[target] ?? {};
      const waiting = withDelivery(now, target, { state: 'pending', ...(path !== undefined && { path }) });
      return withReason({ ...waiting, state: FileState.VANISHED }, reason);
    });
    if (record) this.#tools.logger.log('warn', `${record.device}:${record.path}: ${reason} (vanished)`);
  }
}

interface Ends {
  readonly source: Source;
  readonly target: Target;
}

interface Order extends Pick<Parcel, 'record' | 'name' | 'signal' | 'progressed'> {
  readonly about: Pick<Outgoing, 'source' | 'device' | 'description' | 'render'>;
}

/** One try to bring a file to one target. */
class StreamParcel implements Parcel {
  readonly record: FileRecord;
  readonly name: string;
  readonly target: Target;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
  readonly #tools: Pick<StreamTools, 'useBoth' | 'ledger'>;
  readonly #passage: Passage;
  readonly #about: Order['about'];
  /** The one that may be used now: behind its guard, or in our hands while we send. */
  #source: Source;

  constructor(
    tools: Pick<StreamTools, 'useBoth' | 'ledger'>,
    passage: Passage,
    { source, target }: Ends,
    { record, name, signal, progressed, about }: Order,
  ) {
    this.record = record;
    this.name = name;
    this.target = target;
    this.token = tokenOf(record);
    this.signal = signal;
    this.progressed = progressed;
    this.#tools = tools;
    this.#passage = passage;
    this.#about = about;
    this.#source = source;
  }

  async begin(): Promise<void> {
    await this.#passage.begin(this.#source, this.signal);
  }

  async sha256(): Promise<string> {
    const { sha256 } = await this.#passage.prove(this.#source, this.signal);
    return sha256;
  }

  /** What nobody remembers the hash of is continued only where the target can be asked for it. */
  startAt(partial: number): number {
    const offset = this.#passage.startAt(partial);
    const proves = this.target.capabilities.checksum === 'sha256';
    return proves || !this.#passage.unproven(offset) ? offset : 0;
  }

  async send(path: string, offset: number, write: Write): Promise<Receipt> {
    const guarded = this.#source;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.signal, ended.signal]);
    try {
      return await this.#tools.useBoth(guarded, this.target, this.signal, async (source, target) => {
        this.#source = source;
        if (offset === this.record.size) await this.#passage.prove(source, signal);
        const file = this.#outgoing(source, offset, signal);
        return this.#readBack(path, target, file, await write(target, file));
      });
    } finally {
      this.#source = guarded;
      ended.abort();
    }
  }

  /** All targets get the same bytes, also from a source that cannot tell whether its file has changed. */
  async sealed(): Promise<Proof> {
    const proof = await this.#passage.prove(this.#source, this.signal);
    const now = this.#tools.ledger.get(this.record.id);
    const holder = Object.entries(now?.targets ?? {}).find(
      ([name, { state }]) => name !== this.name && (state === 'done' || state === 'committing'),
    );
    if (!holder || now?.sha256 === undefined || now.sha256 === proof.sha256) return proof;
    const message = `the source holds other bytes by now than those that ${holder[0]} got`;
    throw new FileSyncError('changed', message, { path: this.record.path, temporary: false });
  }

  #outgoing(source: Source, offset: number, signal: AbortSignal): Outgoing {
    const passage = this.#passage;
    return {
      ...this.#about,
      token: this.token,
      get sha256() {
        return passage.sha256;
      },
      readBack: passage.unproven(offset),
      open: from => passage.open(source, from, signal),
    };
  }

  /** For a target that took a continued file by its size alone. */
  async #readBack(path: string, target: Target, file: Outgoing, receipt: Receipt): Promise<Receipt> {
    if (!file.readBack || receipt.verified === 'hash') return receipt;
    const there = await target.checksum(path, this.signal);
    if (there.value === file.sha256) return { ...receipt, verified: 'hash' };
    const message = `${path} arrived wrong: what an earlier run had sent of it is not what the source holds`;
    throw new FileSyncError('corrupt', message, { device: this.name, path });
  }
}

/** A record's identity is the file's: what is continued is always of the same path, size, time and checksum. */
function tokenOf({ id }: FileRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([id, 'stream']))
    .digest('hex')
    .slice(0, 16);
}
