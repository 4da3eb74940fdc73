import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { FileSyncError } from '../../../src/errors.js';
import { untilAborted, withDeadline, withinTime } from '../../../src/system/deadline.js';
import { failsWith } from '../../conformance/support.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const forever = () => new Promise<never>(() => undefined);

/** Work that the test ends. */
function work<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Value>((succeed, fail) => {
    resolve = succeed;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** Lets everything that is ready run, unhandled rejections included. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve));

describe('withDeadline', () => {
  let clock: VirtualClock;
  let stop: AbortController;
  let unhandled: unknown[];
  const note = (reason: unknown) => void unhandled.push(reason);
  const listeners = () => getEventListeners(stop.signal, 'abort').length;

  beforeEach(() => {
    clock = new VirtualClock();
    stop = new AbortController();
    unhandled = [];
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await turn();
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
    assert.deepEqual([listeners(), clock.sleeping], [0, 0], 'nothing of it is left');
  });

  it('returns the value of the work', async () => {
    const deadline = { signal: stop.signal, ms: 100, clock };
    assert.equal(await withDeadline(Promise.resolve(7), deadline), 7);
    assert.equal(await withDeadline(async () => 8, deadline), 8);
  });

  it('fails as the work fails, also if that throws at once', async () => {
    const deadline = { signal: stop.signal, ms: 100, clock };
    const throwing = () => {
      throw new Error('at once');
    };
    await assert.rejects(withDeadline(Promise.reject(new Error('later')), deadline), /later/);
    await assert.rejects(withDeadline(throwing, deadline), /at once/);
  });

  it('rejects with `timeout` when the time is over, or with what the caller makes of it', async () => {
    const plain = failsWith(() => withDeadline(forever(), { ms: 100, clock }), 'timeout');
    const late = () => new FileSyncError('unavailable', 'the server is offline');
    const own = failsWith(() => withDeadline(forever(), { ms: 100, clock, late }), 'unavailable');
    await clock.advance(100);
    assert.match((await plain).message, /0\.1 s/);
    assert.equal((await own).message, 'the server is offline');
  });

  it('measures with the machine where no clock is given', async () => {
    await failsWith(() => withDeadline(forever(), { ms: 1 }), 'timeout');
    assert.equal(
      await withDeadline(
        turn().then(() => 7),
        { ms: 2 ** 40 },
      ),
      7,
    );
  });

  it('takes what has come in by the time that the timer is late', async () => {
    const { promise, resolve } = work<number>();
    const outcome = withDeadline(promise, { ms: 100, clock });
    await turn();
    // As after a stall of the program: the timer fires first, and the answer is read after it.
    void clock.sleep(100).then(() => resolve(7));
    await clock.advance(100);
    assert.equal(await outcome, 7);
  });

  it('rejects with `cancelled` as soon as one of the signals aborts', async () => {
    const other = new AbortController();
    const cancelled = failsWith(
      () => withDeadline(forever(), { signal: [other.signal, stop.signal], ms: 100, clock }),
      'cancelled',
    );
    stop.abort('enough');
    assert.equal((await cancelled).cause, 'enough');
    assert.equal(getEventListeners(other.signal, 'abort').length, 0);
  });

  it('keeps an abort reason that says what happened', async () => {
    const reason = new FileSyncError('cancelled', 'the vehicle is armed');
    const cancelled = withDeadline(forever(), { signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(cancelled, error => error === reason);
  });

  it('begins nothing for a signal that is aborted already', async () => {
    stop.abort();
    let begun = false;
    const begin = async () => void (begun = true);
    await failsWith(() => withDeadline(begin, { signal: stop.signal }), 'cancelled');
    const failing = Promise.reject(new Error('of no interest'));
    await failsWith(() => withDeadline(failing, { signal: stop.signal, ms: 100, clock }), 'cancelled');
    assert.equal(begun, false);
  });

  for (const [how, end] of Object.entries({
    'the abort': () => stop.abort(),
    'the time': () => clock.advance(100),
  })) {
    it(`swallows what becomes of the work after ${how}`, async () => {
      const { promise, reject } = work<never>();
      const lost = failsWith(
        () => withDeadline(promise, { signal: stop.signal, ms: 100, clock }),
        'cancelled',
        'timeout',
      );
      await end();
      await lost;
      reject(new Error('too late'));
    });

    it(`disposes of the value of the work after ${how}`, async () => {
      const { promise, resolve } = work<string>();
      const discarded: string[] = [];
      const discard = (value: string) => {
        discarded.push(value);
        throw new Error('cannot be closed');
      };
      const deadline = { signal: stop.signal, ms: 100, clock, discard };
      const lost = failsWith(() => withDeadline(promise, deadline), 'cancelled', 'timeout');
      await end();
      await lost;
      resolve('a handle');
      await turn();
      assert.deepEqual(discarded, ['a handle']);
    });

    it(`aborts the signal of the work after ${how}`, async () => {
      let over: AbortSignal | undefined;
      const begin = (given: AbortSignal) => {
        over = given;
        return forever();
      };
      const lost = failsWith(
        () => withDeadline(begin, { signal: stop.signal, ms: 100, clock }),
        'cancelled',
        'timeout',
      );
      assert.equal(over?.aborted, false);
      await end();
      assert.equal(over?.reason, await lost);
    });
  }

  it('what the work has begun beside itself ends with it', async () => {
    let over: AbortSignal | undefined;
    await withDeadline(async given => void (over = given), {});
    assert.equal(over?.aborted, true);
  });
});

describe('withinTime', () => {
  const clock = new VirtualClock();

  it('returns the value of the work, or undefined when the time is over', async () => {
    assert.equal(await withinTime(Promise.resolve(7), { ms: 100, clock }), 7);
    const late = withinTime(forever(), { ms: 100, clock });
    await clock.advance(100);
    assert.equal(await late, undefined);
  });

  it('fails as the work fails, and with the abort', async () => {
    const error = new FileSyncError('timeout', 'its own');
    await assert.rejects(withinTime(Promise.reject(error), { ms: 100, clock }), thrown => thrown === error);
    const stop = new AbortController();
    stop.abort();
    await failsWith(() => withinTime(forever(), { ms: 100, clock, signal: stop.signal }), 'cancelled');
  });
});

describe('untilAborted', () => {
  it('settles as the work does, and resolves to undefined at the abort', async () => {
    const stop = new AbortController();
    assert.equal(await untilAborted(stop.signal, Promise.resolve(7)), 7);
    const error = new Error('no');
    await assert.rejects(untilAborted(stop.signal, Promise.reject(error)), thrown => thrown === error);
    const waiting = [untilAborted(stop.signal, forever()), untilAborted(stop.signal)];
    stop.abort(143);
    assert.deepEqual(await Promise.all(waiting), [undefined, undefined]);
  });
});
