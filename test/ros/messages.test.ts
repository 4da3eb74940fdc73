import assert from 'node:assert/strict';
import { toTime } from '../../src/ros/messages.js';

/** What builtin_interfaces/Time holds. */
const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1];

describe('times in messages', () => {
  it('are seconds and the rest', () => {
    assert.deepEqual(toTime(1_700_000_000_123), { sec: 1_700_000_000, nanosec: 123_000_000 });
    assert.deepEqual(toTime(-1), { sec: -1, nanosec: 999_000_000 });
    assert.deepEqual(toTime(), { sec: 0, nanosec: 0 });
  });

  it('never leave the range of ROS: a card whose clock is wrong must not silence the topics', () => {
    assert.equal(toTime(Date.UTC(2107, 11, 31)).sec, MOST);
    assert.equal(toTime(Date.UTC(1601, 0, 1)).sec, LEAST);
    assert.ok(toTime(999.999_999_9).nanosec < 1e9);
  });
});
