import assert from 'node:assert/strict';
import { Mutex } from 'async-mutex';
import { guardSource, guardTarget, withBoth, limitsOf, type Limits } from '../../../src/devices/guard.js';
import type { Outgoing, SourceFile, WriteEvents } from '../../../src/ports.js';
import { collect, eventually, failsWith, listed, sample } from '../../conformance/support.js';
import { MemorySource } from '../../fakes/memory-source.js';
import { MemoryTarget } from '../../fakes/memory-target.js';

const uncut = (): AbortSignal => new AbortController().signal;
const never = uncut();
const file: SourceFile = { path: 'log.ulg', size: 20_000, modified: 1 };
const events: WriteEvents = { progress: () => undefined, committing: async () => undefined };

/** Counts the operations that are inside a device at the same moment, and holds them there until it is opened. */
class Gate {
  entered = 0;
  most = 0;
  #inside = 0;
  #letPass: () => void = () => undefined;
  readonly #opened = new Promise<void>(resolve => (this.#letPass = resolve));

  readonly pass = async (): Promise<void> => {
    this.entered++;
    this.most = Math.max(this.most, ++this.#inside);
    await this.#opened;
    await new Promise(resolve => setImmediate(resolve));
    this.#inside--;
  };

  open(): void {
    this.#letPass();
  }
}

function outgoing(token: string): Outgoing {
  const bytes = sample(file.size);
  async function* open(offset: number) {
    yield bytes.slice(offset);
  }
  return { source: file, device: 'd', token, description: '', open, render: template => template };
}

describe('guard', () => {
  let gate: Gate;
  let source: MemorySource;
  let target: MemoryTarget;

  beforeEach(() => {
    gate = new Gate();
    source = new MemorySource({ before: gate.pass });
    source.put(file.path, sample(file.size), 1);
    target = new MemoryTarget({ before: gate.pass });
  });

  /** One of everything, all at once, on a source and a target. */
  function everything(onSource: Limits, onTarget = onSource, signal = never): Promise<unknown>[] {
    const [from, to] = [guardSource(source, onSource), guardTarget(target, onTarget)];
    return [
      listed(from, signal),
      collect(from.read(file, 0, signal)),
      from.checksum(file, signal),
      to.write(outgoing('t1'), 'a.ulg', 0, signal, events),
      to.write(outgoing('t2'), 'b.ulg', 0, signal, events),
      to.stat('a.ulg', 't1', signal),
    ];
  }

  const inTurns = async (): Promise<void> => new Promise(resolve => setImmediate(resolve));

  it('lets in as many as the device bears, whichever end they use', async () => {
    for (const connections of [1, 2, 3]) {
      gate = new Gate();
      source = new MemorySource({ before: gate.pass });
      source.put(file.path, sample(file.size), 1);
      target = new MemoryTarget({ before: gate.pass });
      const work = everything(limitsOf(connections));
      await eventually(async () => gate.entered === connections);
      await inTurns();
      assert.equal(gate.entered, connections);
      gate.open();
      await Promise.all(work);
      assert.equal(gate.most, connections);
      assert.deepEqual([...target.files.keys()].sort(), ['a.ulg', 'b.ulg']);
    }
  });

  it('lets one in among all that share a lock', async () => {
    const lock = new Mutex();
    const work = everything(limitsOf(3, lock), limitsOf(3, lock));
    await eventually(async () => gate.entered === 1);
    gate.open();
    await Promise.all(work);
    assert.equal(gate.most, 1);
    assert.equal(lock.isLocked(), false);
  });

  it('tells how many connections there really are, and nothing else of its own', () => {
    const { connections, ...rest } = guardSource(source, limitsOf(7)).capabilities;
    assert.equal(connections, 7);
    assert.deepEqual({ connections: 1, ...rest }, source.capabilities);
    assert.equal(guardTarget(target, limitsOf(7)).capabilities.connections, 7);
    assert.equal(guardSource(source, limitsOf(7)).availability, source.availability);
  });

  it('a stream holds its turn until the reader leaves', async () => {
    gate.open();
    const limits = limitsOf(1);
    const guarded = guardSource(source, limits);
    for await (const chunk of guarded.read(file, 0, never)) {
      assert.ok(chunk.length < file.size);
      assert.ok(limits.slots.isLocked());
      break;
    }
    assert.ok(!limits.slots.isLocked());
    assert.equal((await collect(guarded.read(file, 0, never))).length, file.size);
  });

  it('a turn ends with an error, too', async () => {
    gate.open();
    const limits = limitsOf(1, new Mutex());
    const guarded = guardSource(source, limits);
    const missing = { ...file, path: 'missing' };
    for (let count = 0; count < 3; count++) {
      await failsWith(() => collect(guarded.read(missing, 0, never)), 'not-found');
      await failsWith(() => guarded.checksum(missing, never), 'not-found');
    }
    assert.ok(!limits.slots.isLocked() && limits.lock?.isLocked() === false);
  });

  it('waiting ends with the abort, and the turn goes to the next', async () => {
    for (const lock of [undefined, new Mutex()]) {
      const limits = limitsOf(1, lock);
      const holder = guardTarget(new MemoryTarget({ before: gate.pass }), limits);
      const first = holder.write(outgoing('t1'), 'a.ulg', 0, never, events);
      const cut = new AbortController();
      const waiting = everything(limits, limits, cut.signal);
      const next = guardTarget(new MemoryTarget(), limits).stat('a.ulg', 't', never);
      cut.abort();
      await Promise.all(waiting.map(work => failsWith(() => work, 'cancelled')));
      gate.open();
      await first;
      assert.deepEqual(await next, { partial: 0 });
      assert.ok(!limits.slots.isLocked());
    }
  });

  it('waiting for a shared lock ends with the abort and gives the own slot back', async () => {
    const lock = new Mutex();
    const release = await lock.acquire();
    const limits = limitsOf(1, lock);
    const cut = new AbortController();
    const waiting = guardTarget(target, limits).stat('a.ulg', 't', cut.signal);
    await inTurns();
    assert.ok(limits.slots.isLocked());
    cut.abort();
    await failsWith(() => waiting, 'cancelled');
    assert.ok(!limits.slots.isLocked());
    release();
    gate.open();
    assert.deepEqual(await guardTarget(target, limits).stat('a.ulg', 't', never), { partial: 0 });
  });

  it('does not begin under an aborted signal', async () => {
    const work = everything(limitsOf(1), limitsOf(1), AbortSignal.abort());
    await Promise.all(work.map(one => failsWith(() => one, 'cancelled')));
    assert.equal(gate.entered, 0);
  });

  describe('questions besides files', () => {
    const writers = async (paths: readonly string[]) => ({ open: new Set(paths), complete: true });
    const volume = async () => '66F8-E5D9';
    /** `this` is looked at, as a class does. */
    async function space(this: MemorySource) {
      return { free: this.capabilities.connections, total: 7 };
    }

    it('are not asked of a source that does not know them', () => {
      const guarded = guardSource(source, limitsOf(1));
      for (const name of ['writers', 'volume', 'space']) assert.equal(name in guarded, false);
    });

    it('pass without a turn where the kernel of this machine answers them', async () => {
      const limits = limitsOf(1, new Mutex());
      const guarded = guardSource(Object.assign(source, { writers, volume, space }), limits);
      const reading = collect(guarded.read(file, 0, never));
      await eventually(async () => gate.entered === 1);
      assert.deepEqual(await guarded.writers?.(['a'], never), { open: new Set(['a']), complete: true });
      assert.equal(await guarded.volume?.(never), '66F8-E5D9');
      assert.deepEqual(await guarded.space?.(never), { free: 1, total: 7 });
      gate.open();
      await reading;
    });

    it('the space of another source is asked in turn, and the wait for it can be cut off', async () => {
      const limits = limitsOf(1);
      const guarded = guardSource(Object.assign(source, { volume, space }), limits);
      const reading = collect(guarded.read(file, 0, never));
      await eventually(async () => gate.entered === 1);
      const cut = new AbortController();
      const late = failsWith(async () => guarded.space?.(cut.signal), 'cancelled');
      let told = false;
      const asking = guarded.space?.(never).then(() => (told = true));
      cut.abort();
      await late;
      assert.equal(await guarded.volume?.(never), '66F8-E5D9');
      await inTurns();
      assert.equal(told, false);
      gate.open();
      await Promise.all([reading, asking]);
      assert.ok(told && !limits.slots.isLocked());
    });
  });

  describe('for work at two devices', () => {
    const device = (limits: Limits) => ({
      source: guardSource(source, limits),
      target: guardTarget(target, limits),
      limits,
    });
    type Device = ReturnType<typeof device>;
    /** A stream as they are: the target is being written while the source is read. */
    const copy = (from: Device, to: Device, name: string, signal = uncut()): Promise<unknown> =>
      withBoth(from.source, to.target, signal, (reading, writing) =>
        writing.write(
          { ...outgoing(name), open: offset => reading.read(file, offset, signal) },
          name,
          0,
          signal,
          events,
        ),
      );

    beforeEach(() => gate.open());

    it('no device waits for ever where devices with one connection hand files on to each other', async () => {
      const [a, b, c] = [device(limitsOf(1)), device(limitsOf(1)), device(limitsOf(1))] as const;
      const ways = [[a, b], [b, a], [b, c], [c, a], [a, c], [c, b]] as const; // prettier-ignore
      const copies = [0, 1, 2].flatMap(round =>
        ways.map(([from, to], way) => copy(from, to, `${round}-${way}`)),
      );
      await Promise.all([...copies, collect(a.source.read(file, 0, never)), b.target.stat('x', 't', never)]);
      assert.equal(target.files.size, 18);
      assert.ok([a, b, c].every(({ limits }) => !limits.slots.isLocked()));
    });

    it('nor where devices take turns under crossed locks', async () => {
      const [one, other] = [new Mutex(), new Mutex()];
      const [a, b] = [device(limitsOf(2, one)), device(limitsOf(2, other))];
      const [c, d] = [device(limitsOf(2, other)), device(limitsOf(2, one))];
      await Promise.all([0, 1, 2].flatMap(round => [copy(a, b, `ab${round}`), copy(c, d, `cd${round}`)]));
      assert.equal(target.files.size, 6);
      assert.ok(!one.isLocked() && !other.isLocked());
    });

    it('nor under a lock that both have', async () => {
      const lock = new Mutex();
      await copy(device(limitsOf(1, lock)), device(limitsOf(1, lock)), 'a');
      assert.equal(target.files.size, 1);
      assert.equal(lock.isLocked(), false);
    });

    it('holds both until it ends, and gives both back when it fails or is cut off', async () => {
      const [a, b] = [device(limitsOf(1, new Mutex())), device(limitsOf(1))];
      const held = () => [a, b].map(({ limits }) => limits.slots.isLocked());
      await withBoth(a.source, b.target, never, async () => assert.deepEqual(held(), [true, true]));
      await failsWith(() => copy(a, b, '../bad'), 'bad-name');
      const cut = new AbortController();
      await withBoth(a.source, b.target, never, async () => {
        const waiting = failsWith(() => copy(a, b, 'late', cut.signal), 'cancelled');
        cut.abort();
        await waiting;
      });
      await eventually(async () => !held().includes(true));
    });
  });
});
