import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { FileSyncError } from '../../../src/errors.js';
import { limitRepeats } from '../../../src/system/repeat-limiter.js';
import { sample } from '../../conformance/support.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';
import { onBench, rule } from './bench.js';

const DAY_MS = 24 * 3_600_000;
const MAX_LINES = 50;
const POLICY = { baseMs: 1_000, ceilingMs: 300_000, maxTries: Infinity, maxWaitMs: Infinity };

describe('the log of a day', () => {
  const cases = [
    { title: 'a target that refuses every connection', isOffline: true, messages: ['connection refused'] },
    {
      title: 'a target whose probes succeed and whose uploads fail',
      isOffline: false,
      messages: ['disk full'],
    },
    {
      title: 'a target whose uploads fail with another number each time',
      isOffline: false,
      messages: Array.from({ length: 97 }, (_, index) => `broken after ${1000 + index * 7} bytes`),
    },
  ];
  for (const { title, isOffline, messages } of cases)
    it(`${title}: at most ${MAX_LINES} lines`, () => {
      const clock = new VirtualClock();
      const recording = new RecordingLogger();
      let attempts = 0;
      const before = (operation: string) => {
        if (operation !== 'write') return;
        throw new FileSyncError('unavailable', messages[attempts++ % messages.length] ?? '');
      };
      const logger = limitRepeats(recording, clock);
      const options = { clock, logger, policy: POLICY, interval: 60_000, targets: { ftp: { before } } };
      return onBench({ ...options, rules: [rule()] }, async ({ engine, source, target, records }) => {
        for (let index = 0; index < 20; index++) source.put(`${index}.ulg`, sample(10 + index, index));
        if (isOffline)
          target().availability.next({ available: false, reason: messages[0] ?? '', armed: false });
        await engine.start();
        // The disk is a real one: on a loaded machine, some attempts of the day come later than their time.
        for (let at = 0; at < DAY_MS || (!isOffline && attempts <= 100); at += 60_000) {
          await clock.advance(60_000);
          await setImmediate();
          if (isOffline)
            target().availability.next({ available: false, reason: messages[0] ?? '', armed: false });
        }
        assert.equal(records().length, 20);
        assert.equal(attempts > 100, !isOffline, `${attempts} attempts`);
        const lines = recording.entries.filter(
          ({ level, message }) => level !== 'debug' && !/: (found|downloaded), /.test(message),
        );
        assert.ok(lines.length > 0);
        assert.ok(lines.length <= MAX_LINES, lines.map(({ message }) => message).join('\n'));
      });
    });
});
