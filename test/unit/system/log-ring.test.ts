import assert from 'node:assert/strict';
import * as schema from '../../../src/api/schema-live.js';
import { LogRing, ringed } from '../../../src/system/log-ring.js';
import { createLogger } from '../../../src/system/logger.js';
import { SecretMask } from '../../../src/system/secret-mask.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

function ring() {
  const mask = new SecretMask();
  const clock = new VirtualClock();
  const log = new LogRing(clock, mask);
  const logger = createLogger({
    write: () => undefined,
    level: 'info',
    clock,
    name: 'filesync',
    entry: one => log.add(one),
  });
  return { log, logger, mask };
}

describe('LogRing', () => {
  it('has the lines that are written, in their order, with the part of the program', () => {
    const { log, logger } = ring();
    const heard: number[] = [];
    log.entries.subscribe(({ n }) => heard.push(n));
    logger.log('info', 'working');
    logger.log('debug', 'not written');
    logger.child('archive').log('warn', 'refused');
    assert.deepEqual(
      schema.logPage.parse(log.query({})).entries.map(({ n, level, text }) => [n, level, text]),
      [
        [1, 'info', 'working'],
        [2, 'warn', 'archive: refused'],
      ],
    );
    assert.deepEqual(heard, [1, 2]);
  });

  it('keeps the last thousand', () => {
    const { log, logger } = ring();
    for (let number = 1; number <= 2500; number++) logger.log('info', `line ${number}`);
    const { entries } = schema.logPage.parse(log.query({}));
    assert.deepEqual(
      [entries.length, entries[0]?.text, entries.at(-1)?.text],
      [1000, 'line 1501', 'line 2500'],
    );
    assert.deepEqual(
      entries.map(({ n }) => n),
      entries.map((_, index) => 1501 + index),
    );
  });

  it('selects by level, text and number', () => {
    const { log, logger } = ring();
    logger.log('info', 'Archive is there');
    logger.log('warn', 'archive is away');
    logger.log('error', 'disk full');
    const texts = (query: Parameters<typeof log.query>[0]) =>
      log.query(query).entries.map(({ text }) => text);
    assert.deepEqual(texts({ level: 'warn' }), ['archive is away', 'disk full']);
    assert.deepEqual(texts({ text: 'ARCHIVE' }), ['Archive is there', 'archive is away']);
    assert.deepEqual(texts({ limit: 1 }), ['disk full']);
  });

  it('holds no secret, no line end, and no endless line', () => {
    const { log, logger, mask } = ring();
    mask.add('s3cret word');
    mask.add('s3cret');
    logger.log('warn', `PASS s3cret word, s3cret%20word, s3cret: refused\n${'x'.repeat(5000)}`);
    const [line] = log.query({}).entries;
    assert.doesNotMatch(line?.text ?? '', /s3cret/);
    assert.match(line?.text ?? '', /^PASS \*\*\*, \*\*\*, \*\*\*: refused\\x0ax+$/);
    assert.equal(line?.text.length, 2000);
  });

  it('holds no secret that a server has repeated in another encoding', () => {
    const { log, logger, mask } = ring();
    mask.add('t0p<s3cret>');
    logger.log('warn', `401: Basic ${Buffer.from('pilot:t0p<s3cret>').toString('base64')}, again`);
    logger.log('warn', 'refused: <b>t0p&lt;s3cret&gt;</b>, t0p&#60;s3cret&#62;, "t0p\\u003cs3cret\\u003e"');
    logger.log(
      'warn',
      `refused: ${Buffer.from('t0p<s3cret>').toString('hex')}, t0p%3Cs3cret%3E, t0p%3cs3cret%3e`,
    );
    assert.deepEqual(
      log.query({}).entries.map(({ text }) => text.replace(/(Basic \S{0,10})\*\*\*\S{0,4},/, 'Basic ***,')),
      ['401: Basic ***, again', 'refused: <b>***</b>, ***, "***"', 'refused: ***, ***, ***'],
    );
  });

  it('stands behind any logger and its children', () => {
    const { log } = ring();
    const inner = new RecordingLogger();
    const logger = ringed(inner, log);
    logger.child('ftp').log('error', 'refused');
    assert.equal(log.query({}).entries[0]?.text, 'ftp: refused');
    assert.match(inner.messages().join(), /refused/);
  });
});
