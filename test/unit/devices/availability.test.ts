import assert from 'node:assert/strict';
import { firstValueFrom, Subject } from 'rxjs';
import { pollAvailability, type Probe } from '../../../src/devices/availability.js';
import { FileSyncError } from '../../../src/errors.js';
import type { Availability } from '../../../src/ports.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const here: Availability = { available: true, reason: 'reached', armed: false };
const offline: Availability = { available: false, reason: 'switched off', armed: false };

describe('pollAvailability', () => {
  let clock: VirtualClock;
  let state: Availability | Error;
  let probes: number;

  beforeEach(() => {
    clock = new VirtualClock();
    state = here;
    probes = 0;
  });

  const probe: Probe = async () => {
    probes++;
    if (state instanceof Error) throw state;
    return { ...state };
  };
  const poll = (until?: AbortSignal) =>
    pollAvailability(probe, { clock, interval: 1000, ...(until && { until }) });

  /** Subscribes and returns the emitted values. */
  function follow(availability = poll()) {
    const seen: Availability[] = [];
    let completed = false;
    const subscription = availability.subscribe({
      next: value => seen.push(value),
      complete: () => (completed = true),
    });
    return { seen, stop: () => subscription.unsubscribe(), completed: () => completed };
  }

  it('emits the first value as soon as it is known, then changes only', async () => {
    const { seen, stop } = follow();
    await clock.advance(3000);
    assert.deepEqual(seen, [here]);
    state = { ...here, armed: true };
    await clock.advance(1000);
    state = { ...here, reason: 'by cable', armed: true };
    await clock.advance(1000);
    state = offline;
    await clock.advance(1000);
    assert.deepEqual(seen, [
      here,
      { ...here, armed: true },
      { ...here, reason: 'by cable', armed: true },
      offline,
    ]);
    stop();
  });

  it('does not probe without a subscriber', async () => {
    const availability = poll();
    await clock.advance(10_000);
    assert.equal(probes, 0);
    const first = follow(availability);
    await clock.advance(1000);
    first.stop();
    const before = probes;
    await clock.advance(10_000);
    assert.equal(probes, before);
    assert.equal(clock.sleeping, 0);
  });

  it('probes once for many, and emits the latest value to a later subscriber at once', async () => {
    const availability = poll();
    const first = follow(availability);
    await clock.advance(0);
    const second = follow(availability);
    assert.deepEqual(second.seen, [here]);
    assert.equal(probes, 1);
    first.stop();
    state = offline;
    await clock.advance(1000);
    assert.deepEqual(second.seen, [here, offline]);
    second.stop();
  });

  it('probes afresh for a subscriber that comes after all have left', async () => {
    const availability = poll();
    assert.deepEqual(await firstValueFrom(availability), here);
    state = offline;
    assert.deepEqual(await firstValueFrom(availability), offline);
  });

  it('takes an error for unavailable, with its message', async () => {
    state = new FileSyncError('denied', 'the server refuses the password: check it');
    const reason = 'the server refuses the password: check it';
    assert.deepEqual(await firstValueFrom(poll()), { available: false, reason, armed: false });
  });

  it('probes a device that stays offline less often, and at the old interval when it is back', async () => {
    state = offline;
    const { stop } = follow();
    await clock.advance(0);
    const pauses: (number | undefined)[] = [];
    for (let count = 0; count < 5; count++) {
      pauses.push(clock.nextWake);
      await clock.advance(clock.nextWake ?? 0);
    }
    assert.deepEqual(pauses, [1000, 2000, 3000, 4000, 4000]);
    state = here;
    await clock.advance(4000);
    assert.equal(clock.nextWake, 1000);
    stop();
  });

  it('probes a device that many machines use at random moments while it is offline', async () => {
    state = offline;
    const random = () => 0.5;
    const { stop } = follow(pollAvailability(probe, { clock, interval: 1000, random }));
    const times: number[] = [];
    for (let ms = 0; ms <= 8000; ms += 250, await clock.advance(250))
      if (probes > times.length) times.push(ms);
    assert.deepEqual(times, [0, 750, 2250, 4500, 7500]);
    stop();
  });

  it('waits as long as an offline device asks for, up to five minutes', async () => {
    state = new FileSyncError('busy', '503', { retryAfterMs: 60_000 });
    const random = () => 0;
    const { stop } = follow(pollAvailability(probe, { clock, interval: 1000, random }));
    await clock.advance(59_999);
    assert.equal(probes, 1);
    state = new FileSyncError('busy', '503', { retryAfterMs: 1e15 });
    await clock.advance(1);
    assert.equal(probes, 2);
    await clock.advance(299_999);
    assert.equal(probes, 2);
    await clock.advance(1);
    assert.equal(probes, 3);
    stop();
  });

  it('probes at once when an operation found the device offline, also during a probe', async () => {
    const again = new Subject<void>();
    const { seen, stop } = follow(pollAvailability(probe, { clock, interval: 1000, again }));
    again.next();
    await clock.advance(0);
    assert.equal(probes, 2);
    state = offline;
    again.next();
    await clock.advance(0);
    assert.deepEqual(seen, [here, offline]);
    stop();
    await clock.advance(0);
    assert.equal(again.observed, false);
  });

  it('reports that an operation found the device offline before the next probe, and then its result', async () => {
    const missed = new Subject<string>();
    const { seen, stop } = follow(pollAvailability(probe, { clock, interval: 1000, missed }));
    await clock.advance(0);
    missed.next('switched off');
    assert.deepEqual(seen, [here, offline]);
    await clock.advance(0);
    assert.deepEqual(seen, [here, offline, here]);
    stop();
    await clock.advance(0);
    assert.equal(missed.observed, false);
  });

  it('completes when the device is closed, also for later subscribers', async () => {
    const close = new AbortController();
    const availability = poll(close.signal);
    const early = follow(availability);
    await clock.advance(0);
    close.abort();
    await clock.advance(0);
    assert.ok(early.completed());
    const before = probes;
    const late = follow(availability);
    await clock.advance(5000);
    assert.ok(late.completed());
    assert.equal(probes, before);
  });

  it('the signal of a probe aborts when the last subscriber leaves', async () => {
    const signals: AbortSignal[] = [];
    const endless: Probe = signal => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut'))));
    };
    const { seen, stop } = follow(pollAvailability(endless, { clock }));
    assert.deepEqual(
      signals.map(signal => signal.aborted),
      [false],
    );
    stop();
    await clock.advance(60_000);
    assert.deepEqual(
      signals.map(signal => signal.aborted),
      [true],
    );
    assert.deepEqual(seen, []);
  });
});
