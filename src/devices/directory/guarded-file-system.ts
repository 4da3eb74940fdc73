import { Semaphore, type SemaphoreInterface } from 'async-mutex';
import type { PathLike, Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Subject, type Observable } from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../errors.js';
import { statIfThere } from '../../local/name-lookup.js';
import { OpenFile, type FileAccess } from '../../local/open-file.js';
import type { Clock } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';
import { isLocal } from '../../system/local-file-system.js';
import { ANSWER_TIMEOUT_MS } from './timeouts.js';

export interface CallOptions<Value> {
  /** Ends the waiting, not the call. */
  readonly signal?: AbortSignal;
  /** Brings bytes to the disk, which takes its time. */
  readonly flushes?: boolean;
  /** Disposes of an answer for which nobody waits any more. */
  readonly discard?: (value: Value) => unknown;
}

interface Call {
  /** It is in the kernel, or was. */
  begun: boolean;
}

/** A flush may take so many times as long: it waits for a slow drive or line to take all that was written. */
const FLUSH_FACTOR = 10;
/** Calls to one device at a time, and to all: each holds one of the four threads that Node has for all files. */
const OWN_CALLS = 2;
const allCalls = new Semaphore(3);

/**
 * Calls to a file system behind which a server or another program stands, and which may never answer: each is waited for
 * in limited time, few are made at a time, and none while one has not been answered. Those to a file system of this
 * machine's kernel alone pass as they are.
 */
export class GuardedFileSystem {
  readonly #path: string;
  readonly #device: string;
  readonly #clock: Clock;
  readonly #maxWait: number;
  readonly #hanging = new Subject<void>();
  #local: boolean | undefined;
  #slots: SemaphoreInterface = new Semaphore(OWN_CALLS);
  #unanswered = new Set<Call>();
  #probing = false;

  /** @param path of the device's folder, for the messages. @param patience ms */
  constructor(path: string, { name, clock }: { name: string; clock: Clock }, patience = ANSWER_TIMEOUT_MS) {
    this.#path = path;
    this.#device = name;
    this.#clock = clock;
    this.#maxWait = patience;
  }

  /** Emits when the file system has begun or ceased to hang. */
  get hangs(): Observable<void> {
    return this.#hanging;
  }

  /** The file system is this machine's kernel's own. */
  get local(): boolean {
    return this.#local === true;
  }

  /** Rejects with `timeout` if no answer comes, with `unavailable` while another call has none. */
  async do<Value>(work: () => Promise<Value>, options: CallOptions<Value> = {}): Promise<Value> {
    if (this.#unanswered.size > 0) throw this.#hangError('unavailable');
    const slots = [this.#slots, allCalls];
    this.#local ??= await this.#limited(() => isLocal(this.#path), slots, {
      ...(options.signal && { signal: options.signal }),
    });
    return this.#local ? work() : this.#limited(work, slots, options);
  }

  /** The one call that is made in any case, and ends the hanging if it is answered. */
  async probe<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#probing) throw this.#hangError('unavailable');
    this.#probing = true;
    const answered = async () => {
      const value = await work().finally(() => (this.#probing = false));
      this.#local = await isLocal(this.#path);
      this.#reset();
      return value;
    };
    return this.#limited(answered, this.#local ? [] : [allCalls], {});
  }

  /** Closed by its own `close`, which waits for calls that have no answer yet, but lets nobody wait for them. */
  async open(path: string | Buffer, flags: number, signal: AbortSignal, mode?: number): Promise<FileAccess> {
    const discard = (file: FileAccess) => file.close();
    const opened = () => (this.#local ? OpenFile.open(path, flags, mode) : open(path, flags, mode));
    const file = await this.do<FileHandle | OpenFile>(opened, { signal, discard });
    return file instanceof OpenFile ? file : this.#wrap(file, signal);
  }

  /** What lies under the name, of whatever kind it is; undefined if nothing does. */
  found(path: PathLike, signal: AbortSignal): Promise<Stats | undefined> {
    return this.do(() => statIfThere(path, this.local), { signal });
  }

  /** Each of its methods is a call of ours. */
  #wrap(handle: FileHandle, signal: AbortSignal): FileHandle {
    let last: Promise<unknown> = Promise.resolve();
    const close = async () => {
      const closing = last.then(() => handle.close());
      if (signal.aborted || this.#unanswered.size > 0) return void closing.catch(() => undefined);
      await this.#limited(() => closing, [], { flushes: true });
    };
    const call = (name: string, method: (...given: unknown[]) => Promise<unknown>, given: unknown[]) => {
      const work = () => {
        const answer = method.apply(handle, given);
        last = Promise.allSettled([last, answer]);
        return answer;
      };
      return this.do(work, { signal, flushes: name === 'sync' });
    };
    return new Proxy(handle, {
      get(target, name) {
        if (name === 'close' || name === Symbol.asyncDispose) return close;
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]) => call(String(name), member as () => Promise<unknown>, given);
      },
    });
  }

  /** The call, waited for until the signal's abort or the end of our patience. */
  #limited<Value>(
    work: () => Promise<Value>,
    slots: readonly SemaphoreInterface[],
    { signal, flushes = false, discard }: CallOptions<Value>,
  ): Promise<Value> {
    const call: Call = { begun: false };
    const made = (over: AbortSignal) =>
      inSlots(slots, over, () => {
        call.begun = true;
        return work();
      }).finally(() => this.#answered(call));
    return withDeadline(made, {
      signal,
      clock: this.#clock,
      ms: this.#maxWait * (flushes ? FLUSH_FACTOR : 1),
      late: () => this.#missed(call),
      discard,
    });
  }

  #missed(call: Call): FileSyncError {
    if (!call.begun) return this.#hangError('unavailable');
    this.#local = false;
    this.#unanswered.add(call);
    this.#hanging.next();
    return this.#hangError('timeout');
  }

  #answered(call: Call): void {
    if (this.#unanswered.delete(call) && this.#unanswered.size === 0) this.#hanging.next();
  }

  /** Another mount may be there by now: calls that went to the old one are not waited for any more. */
  #reset(): void {
    if (this.#unanswered.size === 0) return;
    this.#unanswered.clear();
    this.#slots = new Semaphore(OWN_CALLS);
  }

  #hangError(kind: 'timeout' | 'unavailable'): FileSyncError {
    const cure =
      'check its drive, or its server and the network, or unmount it (umount -l) and mount it again';
    const message = `${this.#path} does not answer for ${this.#maxWait / 1000} s now: ${cure}`;
    return new FileSyncError(kind, message, { device: this.#device });
  }
}

/** Holds all the slots while it works, which it does not begin any more once the wait for it is over. */
async function inSlots<Value>(
  slots: readonly SemaphoreInterface[],
  over: AbortSignal,
  work: () => Promise<Value>,
): Promise<Value> {
  const held: (() => void)[] = [];
  try {
    for (const slot of slots) {
      throwIfAborted(over);
      held.push((await slot.acquire())[1]);
    }
    throwIfAborted(over);
    return await work();
  } finally {
    for (const release of held.reverse()) release();
  }
}
