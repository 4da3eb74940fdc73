import { Semaphore, type MutexInterface, type SemaphoreInterface } from 'async-mutex';
import { FileSyncError } from '../errors.js';
import type { ByteStream, Source, SourceFile, Target } from '../ports.js';

/** How much a device bears. Both ends of one device are given the same limits. */
export interface Limits {
  /** Operations at once. */
  readonly connections: number;
  readonly slots: SemaphoreInterface;
  /** Held by one operation at a time, among all devices that share it. */
  readonly lock?: MutexInterface;
}

export function limitsOf(connections: number, lock?: MutexInterface): Limits {
  return { connections, slots: new Semaphore(connections), ...(lock && { lock }) };
}

/** The source, with each operation waiting for its turn and holding it until it ends. Waiting obeys the signal. */
export function guardSource(source: Source, limits: Limits): Source {
  return {
    // Asked each time: what a server can compute is known only when it has been met.
    get capabilities() {
      return { ...source.capabilities, connections: limits.connections };
    },
    availability: source.availability,
    list: signal => streamInTurn(limits, signal, () => source.list(signal)),
    ...(source.listChanges && { listChanges: changesInTurn(source, limits) }),
    read: (file: SourceFile, offset, signal): ByteStream =>
      streamInTurn(limits, signal, () => source.read(file, offset, signal)),
    checksum: (file, signal) => inTurn(limits, signal, () => source.checksum(file, signal)),
    remove: (file, signal) => inTurn(limits, signal, () => source.remove(file, signal)),
    close: () => source.close(),
  };
}

/** The target, as `guardSource` does it. */
export function guardTarget(target: Target, limits: Limits): Target {
  return {
    capabilities: { ...target.capabilities, connections: limits.connections },
    availability: target.availability,
    stat: (path, token, signal) => inTurn(limits, signal, () => target.stat(path, token, signal)),
    checksum: (path, signal) => inTurn(limits, signal, () => target.checksum(path, signal)),
    write: (file, path, offset, signal, events) =>
      inTurn(limits, signal, () => target.write(file, path, offset, signal, events)),
    close: () => target.close(),
  };
}

const changesInTurn =
  (source: Source, limits: Limits): NonNullable<Source['listChanges']> =>
  (unsettled, signal) =>
    inTurn(limits, signal, async () => source.listChanges?.(unsettled, signal));

type Release = () => void;

async function inTurn<Value>(
  limits: Limits,
  signal: AbortSignal,
  work: () => Promise<Value>,
): Promise<Value> {
  const release = await turn(limits, signal);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The turn ends with the stream: at its end, its error, or when the reader leaves. */
async function* streamInTurn<Item>(
  limits: Limits,
  signal: AbortSignal,
  open: () => AsyncIterable<Item>,
): AsyncGenerator<Item, void> {
  const release = await turn(limits, signal);
  try {
    yield* open();
  } finally {
    release();
  }
}

/** First the device's own slot, then the lock that it shares: one order for all, so that nobody waits in a ring. */
async function turn({ slots, lock }: Limits, signal: AbortSignal): Promise<Release> {
  const releaseSlot = await orAborted(
    slots.acquire().then(([, release]) => release),
    signal,
  );
  if (!lock) return releaseSlot;
  try {
    const releaseLock = await orAborted(lock.acquire(), signal);
    return () => {
      releaseLock();
      releaseSlot();
    };
  } catch (error) {
    releaseSlot();
    throw error;
  }
}

/** Waits for the turn or the abort, whichever is first; a turn that comes too late is given back at once. */
async function orAborted(acquiring: Promise<Release>, signal: AbortSignal): Promise<Release> {
  const waiting = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const cancel = () => reject(new FileSyncError('cancelled', 'cancelled', { cause: signal.reason }));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { signal: waiting.signal });
  });
  try {
    return await Promise.race([aborted, acquiring]);
  } catch (error) {
    void acquiring.then(release => release());
    throw error;
  } finally {
    waiting.abort();
  }
}
