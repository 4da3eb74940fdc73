import assert from 'node:assert/strict';
import { RepeatLimiter, limitRepeats } from '../../../src/system/repeat-limiter.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('repeat limiter', () => {
  let clock: VirtualClock;
  let limiter: RepeatLimiter;
  const admit = (message: string) => limiter.admit('warn', 'archive', message);

  beforeEach(() => {
    clock = new VirtualClock();
    limiter = new RepeatLimiter(clock);
  });

  /** Minute and text of each line that a message every `ms` for `span` ms costs. */
  async function linesOf(ms: number, span: number, message = 'offline'): Promise<string[]> {
    const lines: string[] = [];
    for (let at = 0; at < span; at += ms) {
      const text = admit(message);
      if (text !== undefined) lines.push(`${at / MINUTE}: ${text}`);
      await clock.advance(ms);
    }
    return lines;
  }

  it('writes a repeated message after 1 min, 10 min, 1 h, and then every 6 h', async () => {
    assert.deepEqual(await linesOf(MINUTE / 2, DAY), [
      '0: offline',
      '1: offline (repeated 2 times)',
      '11: offline (repeated 20 times)',
      '71: offline (repeated 120 times)',
      '431: offline (repeated 720 times)',
      '791: offline (repeated 720 times)',
      '1151: offline (repeated 720 times)',
    ]);
  });

  for (const minutes of [0.1, 1, 5, 30, 59, 60, 61, 120, 420]) {
    it(`a target that is offline for a day costs at most 50 lines, reported every ${minutes} min`, async () => {
      const lines = await linesOf(minutes * MINUTE, DAY);
      assert.ok(lines.length <= 25, lines.join('\n'));
      assert.ok(lines.length >= Math.min(DAY / (minutes * MINUTE), 4), lines.join('\n'));
    });
  }

  it('after an hour without it a message is a new one', async () => {
    await linesOf(MINUTE, HOUR);
    await clock.advance(HOUR);
    assert.deepEqual(await linesOf(MINUTE, 2 * MINUTE), ['0: offline', '1: offline (repeated 1 times)']);
  });

  it('never suppresses messages that differ, by level and logger too, nor debug', () => {
    for (const path of Array.from({ length: 5_000 }, (_, index) => `${index}.ulg: found`))
      assert.equal(admit(path), path);
    assert.equal(admit('offline'), 'offline');
    assert.equal(limiter.admit('error', 'archive', 'offline'), 'offline');
    assert.equal(limiter.admit('warn', 'review', 'offline'), 'offline');
    assert.equal(admit('offline'), undefined);
    for (const level of ['debug', 'info', 'debug', 'info'] as const)
      assert.equal(limiter.admit(level, 'archive', 'same'), 'same');
  });

  it('remembers a thousand messages, and of these the ones seen last', () => {
    assert.equal(admit('often'), 'often');
    for (let index = 0; index < 10_000; index++) {
      assert.equal(admit(`${index}`), `${index}`);
      if (index % 500 === 0) assert.equal(admit('often'), undefined);
    }
    assert.equal(admit('0'), '0');
  });

  it('wraps any logger with all its children', async () => {
    const recording = new RecordingLogger();
    const logger = limitRepeats(recording, clock);
    for (let count = 0; count < 3; count++) {
      logger.child('a').log('warn', 'same');
      logger.child('b').child('a').log('warn', 'same');
      logger.log('debug', 'same');
    }
    await clock.advance(MINUTE);
    logger.child('a').log('warn', 'same');
    const said = recording.entries.map(({ level, name, message }) => `${level} ${name} ${message}`);
    assert.deepEqual(said, [
      'warn a same',
      'warn b.a same',
      ...Array<string>(3).fill('debug  same'),
      'warn a same (repeated 3 times)',
    ]);
  });
});
