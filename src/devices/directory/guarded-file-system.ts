import { Semaphore, type SemaphoreInterface } from 'async-mutex';
import { constants, type PathLike } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Subject, type Observable } from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../errors.js';
import type { CallOptions, FileCalls, HeldFolder } from '../../local/held-folder.js';
import { OpenFile, type FileAccess } from '../../local/open-file.js';
import type { DeviceContext } from '../../config/definition.js';
import { withDeadline } from '../../system/deadline.js';
import { isLocal } from '../../system/local-file-system.js';
import { ANSWER_TIMEOUT_MS } from './timeouts.js';

interface Call {
  /** The call has been made. */
  begun: boolean;
}

/**
 * The timeout of a flush is longer by this factor: it waits until a slow drive or link has taken all that was written.
 */
const FLUSH_FACTOR = 10;
/** Calls in flight to one device, and to all: each holds one of the four threads that Node has for all files. */
const MAX_DEVICE_CALLS = 2;
const allCalls = new Semaphore(3);

/**
 * Calls to a file system that a server or another program serves, and which may never answer: each has a timeout, few
 * are in flight, and none is made while another one hangs. Calls to a file system of this machine's kernel pass
 * unguarded.
 */
export class GuardedFileSystem implements FileCalls {
  readonly #path: string;
  readonly #device: string;
  readonly #clock: DeviceContext['clock'];
  readonly #logger: DeviceContext['logger'];
  readonly #maxWait: number;
  readonly #hanging = new Subject<void>();
  #local: boolean | undefined;
  #slots: SemaphoreInterface = new Semaphore(MAX_DEVICE_CALLS);
  #unanswered = new Set<Call>();
  #probing = false;

  /** @param path of the device's folder, for the messages @param maxWait ms without an answer that count as hanging */
  constructor(path: string, context: DeviceContext, maxWait = ANSWER_TIMEOUT_MS) {
    this.#path = path;
    this.#device = context.name;
    this.#clock = context.clock;
    this.#logger = context.logger;
    this.#maxWait = maxWait;
  }

  /** Emits when the file system begins or ceases to hang. */
  get hangs(): Observable<void> {
    return this.#hanging;
  }

  /** Whether the file system is one of this machine's kernel. */
  get local(): boolean {
    return this.#local === true;
  }

  /** Whether it is certainly not one of this machine's kernel. */
  get foreign(): boolean {
    return this.#local === false;
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

  /** The one call that is made even while others hang; its answer ends the hanging. */
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

  /**
   * A file on a file system of this machine's kernel is opened to read (O_NONBLOCK) without another thread: it has just been listed.
   * The file's `close` happens after its calls under way, and resolves without them if they hang.
   */
  async open(
    at: HeldFolder,
    name: string | Buffer,
    flags: number,
    signal: AbortSignal,
    mode?: number,
  ): Promise<FileAccess> {
    const discard = (file: FileAccess) => file.close();
    const opened = async (path: PathLike): Promise<FileHandle | OpenFile> => {
      if (!this.#local) return open(path, flags, mode);
      return flags & constants.O_NONBLOCK ? OpenFile.openSync(path, flags) : OpenFile.open(path, flags, mode);
    };
    const file = await at.do(entry => opened(entry(name)), { signal, discard });
    return file instanceof OpenFile ? file : this.#wrap(file, signal);
  }

  /** The handle with each of its methods guarded by `do`. */
  #wrap(handle: FileHandle, signal: AbortSignal): FileHandle {
    let last: Promise<unknown> = Promise.resolve();
    const close = async () => {
      const closing = last.then(() => handle.close());
      if (signal.aborted || this.#unanswered.size > 0) return void closing.catch(() => undefined);
      await this.#limited(() => closing, [], { flushes: true });
    };
    const call = (
      name: string,
      method: (...parameters: unknown[]) => Promise<unknown>,
      parameters: unknown[],
    ) => {
      const work = () => {
        const answer = method.apply(handle, parameters);
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
        return (...parameters: unknown[]) => call(String(name), member as () => Promise<unknown>, parameters);
      },
    });
  }

  /** The call, waited for until the signal's abort or the timeout. */
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
    if (this.#unanswered.size === 0) this.#log(`hangs: a call has no answer after ${this.#maxWait} ms`);
    this.#unanswered.add(call);
    this.#hanging.next();
    return this.#hangError('timeout');
  }

  #answered(call: Call): void {
    if (!this.#unanswered.delete(call) || this.#unanswered.size > 0) return;
    this.#log('answers again');
    this.#hanging.next();
  }

  /** Another mount may be there by now: calls to the old one are abandoned. */
  #reset(): void {
    if (this.#unanswered.size === 0) return;
    this.#log('answers again');
    this.#unanswered.clear();
    this.#slots = new Semaphore(MAX_DEVICE_CALLS);
  }

  #log(event: string): void {
    this.#logger.log('debug', `${this.#path} ${event}`);
  }

  #hangError(kind: 'timeout' | 'unavailable'): FileSyncError {
    const remedy =
      'check its drive, or its server and the network, or unmount it (umount -l) and mount it again';
    const message = `${this.#path} does not answer for ${this.#maxWait / 1000} s now: ${remedy}`;
    return new FileSyncError(kind, message, { device: this.#device });
  }
}

/** Works while it holds all the slots. Does not begin after the abort of `over`. */
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
