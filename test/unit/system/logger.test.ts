import assert from 'node:assert/strict';
import type { LogLevel } from '../../../src/ports.js';
import { createLogger, isJournalStream, logDebug, type LogFormat } from '../../../src/system/logger.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

describe('logger', () => {
  let lines: string[];
  const loggerAt = (level: LogLevel, format?: LogFormat) =>
    createLogger({
      write: line => lines.push(line),
      level,
      clock: new VirtualClock(Date.UTC(2026, 10, 22, 16)),
      name: 'filesync',
      ...(format && { format }),
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

  it('on a terminal, a line begins with the time of day, and the name of the program is left out', () => {
    const logger = loggerAt('info', { json: false, journal: false, terminal: true });
    logger.log('info', 'a\nb');
    logger.child('database').log('warn', 'c');
    const time = new Date(Date.UTC(2026, 10, 22, 16)).toTimeString().slice(0, 8);
    assert.deepEqual(lines, [`${time} INFO  a\\x0ab\n`, `${time} WARN  database: c\n`]);
  });

  it('as JSON, an entry is an object on one line, with the message as it is', () => {
    const logger = loggerAt('info', { json: true, journal: false }).child('archive');
    const message = 'a\nb\u001b[2J\u0085\u2028 "ж"';
    logger.log('warn', message);
    assert.match(lines[0] ?? '', /^[^\p{Cc}\u2028]*\n$/u);
    assert.deepEqual(JSON.parse(lines[0] ?? ''), {
      ...{ time: '2026-11-22T16:00:00.000Z', level: 'warn', logger: 'filesync.archive', message },
    });
  });

  it('for the journal, a line begins with its priority and has no time', () => {
    for (const level of LEVELS) loggerAt('debug', { json: false, journal: true }).log(level, 'a\nb');
    const text = 'filesync: a\\x0ab\n';
    assert.deepEqual(lines, [`<7>${text}`, `<6>${text}`, `<4>${text}`, `<3>${text}`]);
    loggerAt('info', { json: true, journal: true }).log('info', 'a');
    assert.match(lines[4] ?? '', /^<6>\{"time":/);
  });

  it('suppresses repeated messages over all its children', () => {
    const logger = loggerAt('info');
    for (const name of ['a', 'a', 'b']) logger.child(name).log('warn', 'offline');
    logger.child('a').log('error', 'offline');
    const names = lines.map(line => /(\w+) +filesync\.(\w)/.exec(line)?.slice(1, 3).join(' '));
    assert.deepEqual(names, ['WARN a', 'WARN b', 'ERROR a']);
  });

  it('knows the journal by device and inode of standard error', () => {
    const file = { dev: 8n, ino: 9_007_199_254_740_993n };
    assert.equal(isJournalStream('8:9007199254740993', file), true);
    for (const stream of ['8:9007199254740992', '9007199254740993', '', undefined])
      assert.equal(isJournalStream(stream, file), false);
    assert.equal(isJournalStream('8:1', undefined), false);
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
