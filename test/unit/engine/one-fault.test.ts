import assert from 'node:assert/strict';
import { FileSyncError } from '../../../src/errors.js';
import { FileState } from '../../../src/ports.js';
import { isDelivered, stateOf } from '../../../src/record/state.js';
import { eventually } from '../../conformance/support.js';
import { onBench, rule } from './bench.js';

const FILES = 50;

describe('one fault that meets many files', () => {
  it('is a few lines of the log, and the files that one target has are counted as such', () => {
    const denied = (operation: string, path: string) => {
      if (operation === 'write') throw new FileSyncError('denied', `550 ${path}: permission denied`);
    };
    const targets = { archive: { before: denied }, shelf: {} };
    return onBench(
      { rules: [rule({ to: ['archive', 'shelf'] })], targets },
      async ({ engine, source, logger, target }) => {
        for (let index = 0; index < FILES; index++)
          source.put(`day/log${index}.ulg`, new Uint8Array(10 + index));
        const { delivered, unfinished } = await engine.pass();
        assert.equal(target('shelf').files.size, FILES);
        assert.equal(delivered.length, 0);
        assert.equal(unfinished.length, FILES);
        assert.ok(unfinished.every(record => stateOf(record) === FileState.PARTIAL));
        await engine.stop();
        const messages = [...logger.messages('warn'), ...logger.messages('error')];
        const troubles = messages.filter(message => !message.includes('first contact'));
        assert.ok(troubles.length <= 3, troubles.join('\n'));
        assert.match(troubles[0] ?? '', /^cam:day\/log\d+\.ulg -> archive: 550 .*permission denied/);
        assert.match(troubles.at(-1) ?? '', new RegExp(`^archive: .*${FILES} files have failed like that`));
      },
    );
  });

  it('is told when it is over', () => {
    let broken = true;
    const before = (operation: string) => {
      if (operation === 'write' && broken) throw new FileSyncError('denied', 'permission denied');
    };
    return onBench({ targets: { ftp: { before } } }, async ({ engine, source, logger, target }) => {
      for (let index = 0; index < FILES; index++) source.put(`log${index}.ulg`, new Uint8Array(10 + index));
      await engine.pass();
      broken = false;
      for (const { id } of engine.records.all())
        await engine.records.commit(id, { type: 'Prioritised', first: 1 });
      await eventually(async () => [...engine.records.all()].every(isDelivered));
      assert.equal(target().files.size, FILES);
      const over = logger.messages('info').filter(message => message.includes(': over, after'));
      assert.deepEqual(over.length, 1);
    });
  });
});
