import { FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import { FileState, type FileRecord, type Logger, type Outgoing, type Target } from '../ports.js';
import type { Courier, DeliveryTask, Parcel } from './courier.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { openDelivery } from './record.js';
import type { Lane, Progressed, Work } from './worker.js';

export interface UploadTools {
  readonly hub: DeviceHub;
  readonly ledger: Ledger;
  readonly local: LocalStorage;
  readonly logger: Logger;
  readonly courier: Courier;
  laneOf(record: FileRecord, target: string): Lane;
  /** The local copy as a target takes it. */
  outgoing(record: FileRecord & { readonly sha256: string }): Promise<Outgoing>;
}

/** Delivers local files to their targets. */
export class Uploader implements Work<DeliveryTask> {
  readonly #tools: UploadTools;

  constructor(tools: UploadTools) {
    this.#tools = tools;
  }

  lane({ id, target }: DeliveryTask): Lane {
    const record = this.#tools.ledger.get(id);
    if (!record) throw new FileSyncError('internal', `no record ${id}`);
    return this.#tools.laneOf(record, target);
  }

  async run({ id, target: name }: DeliveryTask, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const record = this.#tools.ledger.get(id);
    const delivery = record && openDelivery(record, name);
    if (!record?.kept || !delivery) return;
    const target = this.#tools.hub.target(name);
    if (!target) throw new FileSyncError('unavailable', `${name} is not in the configuration`);
    const there = await this.#tools.local.stat(record.local);
    const { sha256 } = record;
    if (!there || sha256 === undefined) return this.#fetchAgain(record, 'the local copy is gone');
    const file = await this.#tools.outgoing({ ...record, sha256 });
    const parcel = localParcel(file, sha256, { record, name, target, signal, progressed });
    await this.#tools.courier.deliver(parcel, delivery);
  }

  async failed(task: DeliveryTask, error: FileSyncError, final: boolean): Promise<void> {
    const record = this.#tools.ledger.get(task.id);
    if (record && isLocal(error)) return this.#fetchAgain(record, error.message);
    await this.#tools.courier.failed(task, error, final);
  }

  /** The local copy cannot be delivered: the source may still have the original. */
  async #fetchAgain(record: FileRecord, reason: string): Promise<void> {
    this.#tools.logger.log('warn', `${record.device}:${record.path}: ${reason}; fetching it again`);
    await this.#tools.ledger.update(record.id, now => ({
      ...now,
      kept: false,
      state: FileState.FOUND,
      reason,
    }));
  }
}

type Way = Pick<Parcel, 'record' | 'name' | 'signal' | 'progressed'> & { readonly target: Target };

/** The record knows the local copy's hash since it was downloaded. */
function localParcel(file: Outgoing, sha256: string, way: Way): Parcel {
  return {
    ...way,
    token: file.token,
    sha256: async () => sha256,
    startAt: partial => (partial <= file.source.size ? partial : 0),
    send: (_path, _offset, write) => write(way.target, file),
    sealed: async () => ({}),
  };
}

/** Our own copy is broken (what targets find carries their name). */
function isLocal(error: FileSyncError): boolean {
  return error.kind === 'corrupt' && error.device === undefined;
}
