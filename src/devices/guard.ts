import { Semaphore, type MutexInterface, type SemaphoreInterface } from 'async-mutex';
import type { ByteStream, Source, SourceFile, Target } from '../ports.js';
import { withDeadline } from '../system/deadline.js';

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

/** The end of a device behind its guard, and what is needed to pass it. */
interface Guarded<End> {
  readonly unguarded: End;
  readonly limits: Limits;
}

/** The source, with each operation waiting for its turn and holding it until it ends. Waiting obeys the signal. */
export function guardSource(source: Source, limits: Limits): Source & Guarded<Source> {
  return {
    unguarded: source,
    limits,
    // Asked each time: what a server can compute is known only when it has been met.
    get capabilities() {
      return { ...source.capabilities, connections: limits.connections };
    },
    availability: source.availability,
    ...(source.changes && { changes: source.changes }),
    list: signal => streamWhileHeld(limits, signal, () => source.list(signal)),
    ...(source.listChanges && { listChanges: changesWhileHeld(source, limits) }),
    read: (file: SourceFile, offset, signal): ByteStream =>
      streamWhileHeld(limits, signal, () => source.read(file, offset, signal)),
    checksum: (file, signal) => whileHeld(limits, signal, () => source.checksum(file, signal)),
    remove: (file, signal) => whileHeld(limits, signal, () => source.remove(file, signal)),
    ...questionsTo(source, limits),
    close: () => source.close(),
  };
}

/** The target, as `guardSource` does it. */
export function guardTarget(target: Target, limits: Limits): Target & Guarded<Target> {
  return {
    unguarded: target,
    limits,
    capabilities: { ...target.capabilities, connections: limits.connections },
    availability: target.availability,
    stat: (path, token, signal) => whileHeld(limits, signal, () => target.stat(path, token, signal)),
    checksum: (path, signal) => whileHeld(limits, signal, () => target.checksum(path, signal)),
    write: (file, path, offset, signal, events) =>
      whileHeld(limits, signal, () => target.write(file, path, offset, signal, events)),
    close: () => target.close(),
  };
}

const changesWhileHeld =
  (source: Source, limits: Limits): NonNullable<Source['listChanges']> =>
  (unsettled, signal) =>
    whileHeld(limits, signal, async () => source.listChanges?.(unsettled, signal));

/** What the kernel of this machine answers needs no turn: who writes, which medium, and of such a source the space as well. */
function questionsTo(source: Source, limits: Limits): Pick<Source, 'writers' | 'volume' | 'space'> {
  const writers = source.writers?.bind(source);
  const volume = source.volume?.bind(source);
  const space = source.space?.bind(source);
  return {
    ...(writers && { writers }),
    ...(volume && { volume }),
    ...(space && { space: writers ? space : signal => whileHeld(limits, signal, () => space(signal)) }),
  };
}

/**
 * Work that uses a source and a target at the same time: it waits for a turn at both and is given them unguarded, since
 * whoever holds one turn and waits for another inside it may wait for ever. Ends without a guard need no turn.
 */
export async function withBoth<Value>(
  source: Source,
  target: Target,
  signal: AbortSignal,
  work: (source: Source, target: Target) => Promise<Value>,
): Promise<Value> {
  const [from, to] = [guardOf(source), guardOf(target)];
  const release = await acquire(
    [from?.limits, to?.limits].filter(limits => limits !== undefined),
    signal,
  );
  try {
    return await work(from?.unguarded ?? source, to?.unguarded ?? target);
  } finally {
    release();
  }
}

function guardOf<End extends Source | Target>(end: End | (End & Guarded<End>)): Guarded<End> | undefined {
  return 'unguarded' in end ? end : undefined;
}

type Release = () => void;

async function whileHeld<Value>(
  limits: Limits,
  signal: AbortSignal,
  work: () => Promise<Value>,
): Promise<Value> {
  const release = await acquire([limits], signal);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The turn ends with the stream: at its end, its error, or when the reader leaves. */
async function* streamWhileHeld<Item>(
  limits: Limits,
  signal: AbortSignal,
  open: () => AsyncIterable<Item>,
): AsyncGenerator<Item, void> {
  const release = await acquire([limits], signal);
  try {
    yield* open();
  } finally {
    release();
  }
}

/**
 * A place at each device, all in one order that holds for the whole program, so that nobody waits in a ring: first the
 * devices' own slots, then the locks that they share; among these, those that were made first.
 */
async function acquire(limits: readonly Limits[], signal: AbortSignal): Promise<Release> {
  const held: Release[] = [];
  const releaseAll = () => held.reverse().forEach(release => release());
  try {
    for (const slots of inOrder(limits.map(one => one.slots))) {
      held.push(await releaseIfAborted(slots.isLocked(), releaseOf(slots.acquire()), signal));
    }
    for (const lock of inOrder(limits.flatMap(one => one.lock ?? []))) {
      held.push(await releaseIfAborted(lock.isLocked(), lock.acquire(), signal));
    }
    return releaseAll;
  } catch (error) {
    releaseAll();
    throw error;
  }
}

const places = new WeakMap<object, number>();
let known = 0;

/** Each once, in an order that is the same for all. */
function inOrder<Place extends object>(wanted: readonly Place[]): Place[] {
  const numberOf = (place: Place): number => places.get(place) ?? NaN;
  for (const place of wanted) if (!places.has(place)) places.set(place, known++);
  return [...new Set(wanted)].sort((a, b) => numberOf(a) - numberOf(b));
}

const releaseOf = (acquiring: Promise<[unknown, Release]>): Promise<Release> =>
  acquiring.then(([, release]) => release);

/** A turn that comes after the abort is given back at once; one that is free comes without waiting. */
function releaseIfAborted(
  waits: boolean,
  acquiring: Promise<Release>,
  signal: AbortSignal,
): Promise<Release> {
  if (!waits && !signal.aborted) return acquiring;
  return withDeadline(acquiring, { signal, discard: release => release() });
}
