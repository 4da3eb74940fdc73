import assert from 'node:assert/strict';
import { Subject } from 'rxjs';
import type { Change, FileRecord } from '../../../src/ports.js';
import { FailureLog } from '../../../src/record/failure-log.js';
import { fileRecord } from '../../fakes/file-record.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

const MINUTE_MS = 60_000;

function bench() {
  const logger = new RecordingLogger();
  const changes = new Subject<Change>();
  const time = { now: 0 };
  const log = new FailureLog(changes, { monotonic: () => time.now }, logger);
  const record = (number: number, state: 'pending' | 'done' = 'pending'): FileRecord =>
    fileRecord(number, { targets: { archive: { state, path: `logs/${number}.ulg` } } });
  /** As a server words it: with the name of the unfinished upload. */
  const fails = (number: number, words = 'denied') => {
    const reason = `550 logs/${number}.ulg.00ff00ff00ff00${10 + number}.part: ${words}`;
    log.report('deliver', 'archive', record(number), { reason, next: 'will retry' });
  };
  const delivered = (number: number) => {
    const one = record(number, 'done');
    changes.next({ id: one.id, record: one });
  };
  return { logger, changes, time, log, record, fails, delivered };
}

describe('the log of failures', () => {
  it('tells the first of those that differ only in the file, and their number when a minute has passed', () => {
    const { logger, time, fails } = bench();
    for (let round = 0; round < 6; round++) for (let file = 0; file < 50; file++) fails(file);
    assert.deepEqual(logger.messages(), [
      'autopilot:2026-11-22/0.ulg -> archive: 550 logs/0.ulg.00ff00ff00ff0010.part: denied (will retry)',
    ]);
    time.now += MINUTE_MS;
    fails(7);
    assert.equal(logger.messages('warn').length, 2);
    assert.match(
      logger.messages()[1] ?? '',
      /2026-11-22\/7\.ulg -> .*50 files have failed like that, in 301 attempts by now$/,
    );
  });

  it('tells that it is over when every such file has succeeded', () => {
    const { logger, fails, delivered } = bench();
    for (let file = 0; file < 3; file++) fails(file);
    delivered(0);
    delivered(1);
    assert.equal(logger.messages().length, 1);
    delivered(2);
    assert.match(
      logger.messages('info')[0] ?? '',
      /^archive: .*denied: over, after 3 files have failed like that, in 3 attempts$/,
    );
    fails(0);
    assert.equal(logger.messages('warn').length, 2, 'the next failure is told of at once');
  });

  it('tells nothing more of a single failure', () => {
    const { logger, changes, fails, delivered } = bench();
    fails(1);
    delivered(1);
    changes.complete();
    assert.equal(logger.messages().length, 1);
  });

  it('forgets files whose records are deleted', () => {
    const { logger, changes, fails, record } = bench();
    fails(1);
    fails(2);
    for (const number of [1, 2]) changes.next({ id: record(number).id });
    assert.equal(logger.messages('info').length, 1);
  });

  it('tells at the end what no line has told', () => {
    const { logger, changes, fails } = bench();
    for (let file = 0; file < 50; file++) fails(file);
    changes.complete();
    assert.match(
      logger.messages('warn')[1] ?? '',
      /^archive: .*denied: 50 files have failed like that, in 50 attempts$/,
    );
  });

  it('keeps other causes, devices, steps and final failures apart', () => {
    const { logger, log, record, fails } = bench();
    fails(1);
    fails(2, 'disk full');
    log.report('fetch', 'autopilot', record(3), { reason: 'denied' });
    log.report('remove', 'autopilot', record(3), { reason: 'denied' });
    log.report('deliver', 'archive', record(4), { reason: 'denied', next: 'failed', isFinal: true });
    assert.equal(logger.messages().length, 5);
    assert.deepEqual(logger.messages('error'), ['autopilot:2026-11-22/4.ulg -> archive: denied (failed)']);
    assert.ok(logger.messages().includes('autopilot:2026-11-22/3.ulg: not removed from the source: denied'));
  });

  it('begins again after an hour without a failure', () => {
    const { logger, time, fails } = bench();
    fails(1);
    time.now += 60 * MINUTE_MS;
    fails(2);
    assert.doesNotMatch(logger.messages()[1] ?? 'missing', /by now|missing/);
  });
});
