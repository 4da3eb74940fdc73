import assert from 'node:assert/strict';
import type { Rule } from '../../../src/rules/rule.js';
import { onBench, rule, type Bench } from './bench.js';

/** What the first pass, and another one, log of the first contact with a source that holds so many logs. */
async function linesOf(files: number, changes: Partial<Rule> = {}): Promise<Bench['logger']['entries']> {
  let lines: Bench['logger']['entries'] = [];
  await onBench({ rules: [rule(changes)] }, async ({ engine, source, logger }) => {
    for (let index = 0; index < files; index++) source.put(`day/log${index}.ulg`, new Uint8Array(1000));
    await engine.pass();
    source.put('later.ulg', new Uint8Array(1000));
    engine.rescan();
    await engine.pass();
    lines = logger.entries.filter(({ message }) => message.includes('first contact'));
  });
  return lines;
}

describe('the first contact with a source', () => {
  it('is one line with the number of files and their bytes', async () => {
    const lines = await linesOf(3);
    assert.deepEqual(
      lines.map(({ level, message }) => `${level} ${message}`),
      ['info cam: first contact: 3 files seen, 3 match, 3 to send (3.0 kB)'],
    );
  });

  it('is a warning with a remedy where there are many', async () => {
    const [line] = await linesOf(21, { include: ['**/*.ulg'] });
    assert.equal(line?.level, 'warn');
    assert.match(
      line.message,
      /21 files seen, 21 match, 21 to send \(21\.0 kB\); with begin: new .*only what comes later/,
    );
  });

  it('tells what the rule does not want', async () => {
    const [line] = await linesOf(21, { begin: { kind: 'new' } });
    assert.equal(line?.level, 'info');
    assert.match(line.message, /21 files seen, 21 match, 0 to send \(0 B\)$/);
  });

  it('is a warning where no rule takes any of the files', async () => {
    const [line] = await linesOf(3, { include: ['*.txt'] });
    assert.equal(line?.level, 'warn');
    assert.match(line.message, /3 files seen, none of which a rule takes: filesync check suggests patterns/);
  });

  it('is not told of a source without files', async () => {
    assert.deepEqual(await linesOf(0), []);
  });
});
