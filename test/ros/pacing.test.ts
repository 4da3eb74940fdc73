import assert from 'node:assert/strict';
import { UNKNOWN } from '../../src/system/availability.js';
import { OfflineTimes, deviceStatus, Level } from '../../src/ros/diagnostics.js';
import type { ProgressMessage } from '../../src/ros/interfaces.js';
import { PacedProgress } from '../../src/ros/paced-progress.js';
import { VirtualClock } from '../fakes/virtual-clock.js';

const transfer = (id: string, bytes: number) => ({ id, device: 'cam', path: id, bytes, size: 1000 });

describe('Progress on a topic', () => {
  it('is published at most five times a second, the newest of each transfer in turn', async () => {
    const clock = new VirtualClock();
    const published: ProgressMessage[] = [];
    const paced = new PacedProgress(clock, message => published.push(message));
    for (let step = 0; step < 99; step++) {
      paced.add(transfer('a', step * 10));
      paced.add(transfer('b', step * 5));
      await clock.advance(10);
    }
    assert.equal(published.length, 5);
    assert.deepEqual(
      published.map(({ id }) => id),
      ['a', 'b', 'a', 'b', 'a'],
    );
    paced.close();
  });

  it('ends with the last news, and knows percent and speed', async () => {
    const clock = new VirtualClock();
    const published: ProgressMessage[] = [];
    const paced = new PacedProgress(clock, message => published.push(message));
    paced.add(transfer('a', 0));
    paced.add(transfer('a', 250));
    paced.add(transfer('a', 500));
    await clock.advance(1000);
    assert.deepEqual(
      published.map(({ percent, bytes_per_second }) => ({ percent, bytes_per_second })),
      [
        { percent: 0, bytes_per_second: 0 },
        { percent: 50, bytes_per_second: 2500 },
      ],
    );
    paced.add(transfer('a', 1000));
    await clock.advance(1);
    assert.equal(published.at(-1)?.percent, 100);
    paced.close();
  });

  it('forgets the oldest news when too many transfers wait', async () => {
    const clock = new VirtualClock();
    const published: ProgressMessage[] = [];
    const paced = new PacedProgress(clock, message => published.push(message));
    for (let number = 0; number < 100; number++) paced.add(transfer(`${number}`, 1));
    await clock.advance(60_000);
    assert.equal(published.length, 17);
    assert.equal(published.at(-1)?.id, '99');
  });
});

describe('Diagnostics of a device', () => {
  const there = { name: 'cam', type: 'mavlink', available: true, reason: 'udp', armed: false, since: 0 };
  const offline = { ...there, available: false, reason: 'no heartbeat' };
  const MINUTE = 60_000;

  it('warns when it is offline for more than a minute, or longer than ever before', () => {
    const absences = new OfflineTimes();
    const levelAt = (device: typeof there, now: number) =>
      deviceStatus('/filesync', device, absences, now).level;
    assert.equal(levelAt(there, 0), Level.OK);
    assert.equal(levelAt(offline, 1000), Level.OK);
    assert.equal(levelAt(offline, 1000 + MINUTE), Level.OK);
    assert.equal(levelAt(offline, 2000 + MINUTE), Level.WARN);
    assert.equal(levelAt(there, 10 * MINUTE), Level.OK);
    assert.equal(levelAt(offline, 20 * MINUTE), Level.OK);
    assert.equal(levelAt(offline, 22 * MINUTE), Level.OK, 'it has been offline for longer before');
    assert.equal(levelAt(offline, 31 * MINUTE), Level.WARN);
  });

  it('is stale before it has been looked at', () => {
    assert.equal(
      deviceStatus('/filesync', { ...offline, ...UNKNOWN }, new OfflineTimes(), 0).level,
      Level.STALE,
    );
  });
});
