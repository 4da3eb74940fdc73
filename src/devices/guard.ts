import { Semaphore, type MutexInterface, type SemaphoreInterface } from 'async-mutex';
import type {
  ByteStream,
  Source,
  SourceCapabilities,
  SourceFile,
  Target,
  TargetCapabilities,
} from '../ports.js';
import { isSmallFile } from '../system/size.js';
import { withDeadline, withinTime } from '../system/deadline.js';

/** How many operations a device supports at once. Both ends of one device share their limits. */
export interface Limits {
  readonly connections: number;
  /** A whole operation takes `SLOTS` for each connection. */
  readonly slots: SemaphoreInterface;
  /** Held by one operation at a time, among all devices that share the lock. */
  readonly lock?: MutexInterface;
}

export function limitsOf(connections: number, lock?: MutexInterface): Limits {
  return { connections, slots: new Semaphore(connections * SLOTS), ...(lock && { lock }) };
}

/** Of one connection: small files may share them (`smallFiles`). */
const SLOTS = 16;

/** The end of a device behind its guard, and the limits that the guard applies. */
interface Guarded<End> {
  readonly unguarded: End;
  readonly limits: Limits;
}

/** The source, whose operations wait for a slot and hold it until they end. Waiting ends when the signal aborts. */
export function guardSource(source: Source, limits: Limits): Source & Guarded<Source> {
  const capabilities = limited<SourceCapabilities>(limits);
  return {
    unguarded: source,
    limits,
    // Read each time: which checksum a server computes is known only after the first login.
    get capabilities() {
      return capabilities(source.capabilities);
    },
    availability: source.availability,
    ...(source.changes && { changes: source.changes }),
    list: signal => streamWhileHeld(limits, signal, () => source.list(signal)),
    ...(source.listChanges && { listChanges: changesWhileHeld(source, limits) }),
    read: (file: SourceFile, offset, signal): ByteStream =>
      streamWhileHeld(limits, signal, () => source.read(file, offset, signal)),
    checksum: (file, signal) => whileHeld(limits, signal, () => source.checksum(file, signal)),
    remove: (file, signal) => whileHeld(limits, signal, () => source.remove(file, signal)),
    ...queriesOf(source, limits),
    close: () => source.close(),
  };
}

/** As `guardSource`, for a target. */
export function guardTarget(target: Target, limits: Limits): Target & Guarded<Target> {
  const capabilities = limited<TargetCapabilities>(limits);
  return {
    unguarded: target,
    limits,
    get capabilities() {
      return capabilities(target.capabilities);
    },
    availability: target.availability,
    stat: (path, token, signal) => whileHeld(limits, signal, () => target.stat(path, token, signal)),
    checksum: (path, signal) => whileHeld(limits, signal, () => target.checksum(path, signal)),
    write: (file, path, offset, signal, events) =>
      whileHeld(
        limits,
        signal,
        () => target.write(file, path, offset, signal, events),
        isSmallFile(file.source.size) ? SLOTS / (target.capabilities.smallFiles ?? 1) : SLOTS,
      ),
    names: async (path, signal) =>
      target.names ? whileHeld(limits, signal, async () => target.names?.(path, signal) ?? 'as-is') : 'as-is',
    ...(target.probe && { probe: probeWhileHeld(target, limits) }),
    close: () => target.close(),
  };
}

/** The capabilities with our own number of connections. The scheduler asks for them often. */
function limited<Capabilities extends { readonly connections: number }>({
  connections,
}: Limits): (own: Capabilities) => Capabilities {
  let last: { readonly own: Capabilities; readonly limited: Capabilities } | undefined;
  return own => {
    if (last?.own !== own) last = { own, limited: { ...own, connections } };
    return last.limited;
  };
}

const changesWhileHeld =
  (source: Source, limits: Limits): NonNullable<Source['listChanges']> =>
  (unsettled, signal) =>
    whileHeld(limits, signal, async () => source.listChanges?.(unsettled, signal));

const probeWhileHeld =
  (target: Target, limits: Limits): NonNullable<Target['probe']> =>
  signal =>
    whileHeld(limits, signal, async () => target.probe?.(signal));

/** Queries that the kernel of this machine answers need no slot: writers, medium and, of a source with these, the space. */
function queriesOf(source: Source, limits: Limits): Pick<Source, 'writers' | 'volume' | 'space'> {
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
 * Does work that uses a source and a target at the same time. Slots of both are acquired before; the work receives them
 * unguarded, since waiting for one slot while holding another can deadlock. Ends without a guard need no slot.
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

/** Resolves when no operation uses the end any more, or after `ms`. No other operation begins. */
export async function untilUnused(end: Source | Target, ms: number): Promise<void> {
  const limits = guardOf(end)?.limits;
  if (limits) await withinTime(limits.slots.acquire(limits.connections * SLOTS), { ms });
}

function guardOf<End extends Source | Target>(end: End | (End & Guarded<End>)): Guarded<End> | undefined {
  return 'unguarded' in end ? end : undefined;
}

type Release = () => void;

async function whileHeld<Value>(
  limits: Limits,
  signal: AbortSignal,
  work: () => Promise<Value>,
  weight?: number,
): Promise<Value> {
  const release = await acquire([limits], signal, weight);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The slot is released with the stream: at its end, its error, or when the reader leaves. */
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
 * Acquires a slot of each device and the locks, in one order for the whole program, so that no deadlock is possible:
 * first the devices' own slots, then the locks that they share; among these, those that were made first.
 */
async function acquire(limits: readonly Limits[], signal: AbortSignal, weight = SLOTS): Promise<Release> {
  const held: Release[] = [];
  const releaseAll = () => held.reverse().forEach(release => release());
  try {
    for (const slots of inOrder(limits.map(one => one.slots))) {
      // Nothing waits where a whole operation finds its slots.
      const waits = slots.getValue() < SLOTS;
      held.push(await releaseIfAborted(waits, releaseOf(slots.acquire(weight)), signal));
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

const ranks = new WeakMap<object, number>();
let ranked = 0;

/** Each once, in an order that is the same for all callers. */
function inOrder<Item extends object>(wanted: readonly Item[]): Item[] {
  const rankOf = (item: Item): number => ranks.get(item) ?? NaN;
  for (const item of wanted) if (!ranks.has(item)) ranks.set(item, ranked++);
  return [...new Set(wanted)].sort((a, b) => rankOf(a) - rankOf(b));
}

const releaseOf = (acquiring: Promise<[unknown, Release]>): Promise<Release> =>
  acquiring.then(([, release]) => release);

/** A slot that is acquired after the abort is released at once; one that is free is acquired without waiting. */
function releaseIfAborted(
  waits: boolean,
  acquiring: Promise<Release>,
  signal: AbortSignal,
): Promise<Release> {
  if (!waits && !signal.aborted) return acquiring;
  return withDeadline(acquiring, { signal, discard: release => release() });
}
