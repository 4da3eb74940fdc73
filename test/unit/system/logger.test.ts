import assert from 'node:assert/strict';
import type { LogLevel } from '../../../src/ports.js';
import { createLogger, logDebug } from '../../../src/system/logger.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

describe('logger', () => {
  let lines: string[];
  const loggerAt = (level: LogLevel) =>
    createLogger({
      write: line => lines.push(line),
      level,
      clock: new VirtualClock(Date.UTC(2026, 10, 22, 16)),
      name: 'filesync',
    });

  beforeEach(() => {
    lines = [];
  });

  it('writes time, level, name and message in columns', () => {
    const logger = loggerAt('debug');
    for (const level of LEVELS) logger.log(level, 'hello');
    assert.deepEqual(lines, [
      '2026-11-22T16:00:00.000Z DEBUG filesync: hello\n',
      '2026-11-22T16:00:00.000Z INFO  filesync: hello\n',
      '2026-11-22T16:00:00.000Z WARN  filesync: hello\n',
      '2026-11-22T16:00:00.000Z ERROR filesync: hello\n',
    ]);
  });

  for (const [index, level] of LEVELS.entries()) {
    it(`at level ${level} leaves out what is below`, () => {
      const logger = loggerAt(level);
      for (const one of LEVELS) logger.log(one, one);
      const shown = lines.map(line => line.trimEnd().split(': ')[1]);
      assert.deepEqual(shown, LEVELS.slice(index));
    });
  }

  it('a child carries its parents’ names and their level', () => {
    const child = loggerAt('warn').child('finder').child('camera');
    child.log('info', 'no');
    child.log('error', 'yes');
    assert.deepEqual(lines, ['2026-11-22T16:00:00.000Z ERROR filesync.finder.camera: yes\n']);
  });

  it('a message is one line and cannot command a terminal', () => {
    loggerAt('info').log('info', 'a\nb\u001b[2Jc\rd\u0085e\u007f ж🚁');
    assert.deepEqual(lines, [
      '2026-11-22T16:00:00.000Z INFO  filesync: a\\x0ab\\x1b[2Jc\\x0dd\\x85e\\x7f ж🚁\n',
    ]);
  });
});

describe('logDebug', () => {
  const messagesAt = (level: LogLevel) => {
    const lines: string[] = [];
    let built = 0;
    const clock = new VirtualClock(0);
    logDebug(createLogger({ write: line => lines.push(line), level, clock, name: 'n' }), () => `${++built}`);
    return [lines.length, built];
  };
  it('writes the message at level debug', () => assert.deepEqual(messagesAt('debug'), [1, 1]));
  it('builds no message that is not written', () => assert.deepEqual(messagesAt('info'), [0, 0]));
  it('writes to a logger that does not report its level', () => {
    const logger = new RecordingLogger();
    logDebug(logger, () => 'hello');
    assert.deepEqual(logger.messages('debug'), ['hello']);
  });
});
