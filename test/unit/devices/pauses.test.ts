import assert from 'node:assert/strict';
import { BehaviorSubject, Observable } from 'rxjs';
import type { LinkLimits } from '../../../src/config/definition.js';
import { hours } from '../../../src/config/options.js';
import { linkFor } from '../../../src/devices/link/limit.js';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../../src/errors.js';
import type { Availability, Outgoing, Target } from '../../../src/ports.js';
import { daemonPolicy, passPolicy, type RetryPolicy } from '../../../src/system/back-off.js';
import { deviceContext } from '../../fakes/device-context.js';
import { MemorySource } from '../../fakes/memory-source.js';
import { MemoryTarget } from '../../fakes/memory-target.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const HERE: Availability = { available: true, reason: 'here', armed: false };
const HOUR = 3_600_000;
const SIGNAL = new AbortController().signal;
const NOON = new Date('2026-08-01T12:00:00').getTime();
const TEN = new Date('2026-08-01T22:00:00').getTime();

interface Options {
  readonly limits?: Partial<LinkLimits>;
  readonly policy?: RetryPolicy;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** A target behind its link, whose writes fail as told. */
function setup({ limits = {}, policy = daemonPolicy, random = () => 0 }: Options = {}) {
  const clock = new VirtualClock(NOON);
  const context = deviceContext({ clock, random });
  const link = linkFor({ unmetered: false, ...limits }, context, policy);
  let probing = 0;
  const own = new BehaviorSubject(HERE);
  const counted = new Observable<Availability>(subscriber => {
    probing++;
    const watching = own.subscribe(subscriber);
    return () => {
      probing--;
      watching.unsubscribe();
    };
  });
  const refusal: { error?: FileSyncError } = {};
  const memory = new MemoryTarget();
  const failing: Partial<Target> = {
    availability: counted,
    write: async () => {
      if (refusal.error) throw refusal.error;
      return { location: 'x', verified: 'size' as const };
    },
  };
  const target = link.target(Object.assign(memory, failing));
  const seen: Availability[] = [];
  const watching = target.availability.subscribe(state => seen.push(state));
  return {
    ...{ clock, link, seen, target },
    /** ms until it may be used again; undefined while it may be used. */
    pause: () => {
      const { closed } = seen.at(-1) ?? HERE;
      return closed && (closed.until ?? Infinity) - clock.monotonic();
    },
    code: () => seen.at(-1)?.closed?.code,
    isProbed: () => probing > 0,
    refuse: async (kind: ErrorKind, details: ErrorDetails) => {
      refusal.error = new FileSyncError(kind, 'not now', details);
      await assert.rejects(
        target.write({} as Outgoing, 'x', 0, SIGNAL, { progress() {}, async committing() {} }),
      );
    },
    accept: async () => {
      delete refusal.error;
      await target.write({} as Outgoing, 'x', 0, SIGNAL, { progress() {}, async committing() {} });
    },
    stop: () => watching.unsubscribe(),
  };
}

describe('a device that asks for less', () => {
  it('is left alone for the time that it asks for: it is not even probed', async () => {
    const { refuse, pause, code, isProbed, clock, seen, stop } = setup();
    assert.equal(isProbed(), true);
    await refuse('busy', { retryAfterMs: 120_000 });
    assert.deepEqual([code(), pause(), isProbed()], ['slow_down', 120_000, false]);
    assert.equal(seen.at(-1)?.reason, 'not used now: not now');
    assert.equal(seen.at(-1)?.closed?.interrupts, undefined, 'what runs goes on');
    await clock.advance(119_999);
    assert.equal(isProbed(), false);
    await clock.advance(1);
    assert.deepEqual([seen.at(-1), isProbed()], [HERE, true]);
    stop();
    assert.equal(clock.sleeping, 0);
  });

  it('comes back a random time later, since others were asked for the same', async () => {
    const { refuse, pause } = setup({ random: () => 0.5 });
    await refuse('busy', { retryAfterMs: 10_000 });
    assert.equal(pause(), 12_500);
  });

  for (const asked of [1e12, Number.MAX_VALUE])
    it(`is not left alone for longer than an hour and a minute: ${asked} ms`, async () => {
      const { refuse, pause } = setup({ random: () => 1 });
      await refuse('busy', { retryAfterMs: asked });
      assert.equal(pause(), HOUR + 60_000);
    });

  it('and does not say for how long gets growing pauses, until it has taken a file', async () => {
    const { refuse, accept, pause, clock, target } = setup({ random: () => 1 });
    const pauses: (number | undefined)[] = [];
    for (let count = 0; count < 10; count++) {
      await refuse('busy', { retryAfterMs: 0 });
      pauses.push(pause());
      await clock.advance(pause() ?? 0);
      await target.stat('x', 'token', SIGNAL);
    }
    assert.deepEqual(
      pauses,
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map(seconds => seconds * 1000),
    );
    await accept();
    await refuse('busy', { retryAfterMs: 0 });
    assert.equal(pause(), 1000);
  });

  it('of several attempts at a time gets one pause: the longest that it asks for', async () => {
    const { refuse, accept, pause, clock } = setup({ random: () => 1 });
    for (let count = 0; count < 4; count++) await refuse('busy', { retryAfterMs: 0 });
    assert.equal(pause(), 1000);
    await refuse('busy', { retryAfterMs: 4000 });
    assert.equal(pause(), 6000);
    await refuse('busy', { retryAfterMs: 1000 });
    assert.equal(pause(), 6000);
    await accept();
    assert.equal(pause(), 6000, 'what had begun before says nothing of the pause');
    await clock.advance(6000);
    await refuse('busy', { retryAfterMs: 0 });
    assert.equal(pause(), 2000);
  });

  it('is tried again at once where a person asks', async () => {
    const { refuse, pause, link, isProbed } = setup();
    await refuse('busy', { retryAfterMs: HOUR });
    link.hurry();
    assert.deepEqual([pause(), isProbed()], [undefined, true]);
  });

  it('for longer than a pass lasts is left for the next one', async () => {
    const { refuse, pause } = setup({ policy: passPolicy });
    await refuse('busy', { retryAfterMs: HOUR });
    assert.equal(pause(), Infinity);
  });

  for (const [kind, details] of [
    ['busy', {}],
    ['rejected', { retryAfterMs: HOUR }],
    ['timeout', {}],
  ] as const)
    it(`is not what "${kind}" says${'retryAfterMs' in details ? ' for good' : ''}: that is of one file`, async () => {
      const { refuse, pause } = setup();
      await refuse(kind, details);
      assert.equal(pause(), undefined);
    });

  it('pauses as a source as well: both ends are one device', async () => {
    const clock = new VirtualClock();
    const link = linkFor({ unmetered: false }, deviceContext({ clock, random: () => 0 }));
    const source = new MemorySource();
    source.list = async function* () {
      await Promise.resolve();
      yield* [];
      throw new FileSyncError('busy', '421', { retryAfterMs: 0 });
    };
    const ends = [link.source(source), link.target(new MemoryTarget())];
    const seen: (string | undefined)[] = [];
    for (const [index, end] of ends.entries())
      end.availability.subscribe(({ closed }) => (seen[index] = closed?.code));
    await assert.rejects(link.source(source).list(SIGNAL)[Symbol.asyncIterator]().next(), /421/);
    assert.deepEqual(seen, ['slow_down', 'slow_down']);
    await clock.advance(1000);
    assert.deepEqual(seen, [undefined, undefined]);
  });
});

describe('the start of a target', () => {
  it('comes at a random moment within its time, without any contact before', async () => {
    const { pause, code, isProbed, clock, seen } = setup({ limits: { spread: 5000 }, random: () => 0.5 });
    assert.deepEqual([code(), pause(), isProbed()], ['spread', 2500, false]);
    assert.match(
      seen[0]?.reason ?? '',
      /^not used now: vehicles begin at random moments, this one within 5 s/,
    );
    await clock.advance(2499);
    assert.equal(isProbed(), false);
    await clock.advance(1);
    assert.deepEqual([seen.at(-1), isProbed()], [HERE, true]);
  });

  it('is not put off where a person waits: of a pass, and after a request', async () => {
    const limits = { spread: 5000 };
    assert.equal(setup({ limits, policy: passPolicy, random: () => 0.5 }).isProbed(), true);
    const { link, isProbed } = setup({ limits, random: () => 0.5 });
    link.hurry();
    assert.equal(isProbed(), true);
  });

  it('is put off again each time its hours begin, and never begins outside of them', async () => {
    const limits = { spread: 5000, hours: hours().parse('22:00-06:00') };
    const { code, isProbed, clock, link } = setup({ limits, random: () => 0.5 });
    await clock.advance(10_000);
    assert.deepEqual([code(), isProbed()], ['hours', false]);
    link.hurry();
    await clock.advance(1000);
    assert.deepEqual([code(), isProbed()], ['hours', false], 'hours are a limit, not a pause');
    clock.setWall(TEN);
    await clock.advance(500);
    assert.deepEqual([code(), isProbed()], ['spread', false]);
    await clock.advance(2500);
    assert.deepEqual([code(), isProbed()], [undefined, true]);
  });

  it('after a pause that it has asked for is no start', async () => {
    const { refuse, isProbed, clock, link } = setup({ limits: { spread: 5000 }, random: () => 0.5 });
    link.hurry();
    await refuse('busy', { retryAfterMs: 10_000 });
    await clock.advance(12_500);
    assert.equal(isProbed(), true);
  });
});
