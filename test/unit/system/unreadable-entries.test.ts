import assert from 'node:assert/strict';
import { UnreadableEntries } from '../../../src/system/unreadable-entries.js';

const bad = (path: string) => ({ path, problem: 'has no size', remedy: 'rename it' });

describe('The unreadable entries of a listing', () => {
  it('are no error where there are none', () => {
    const entries = new UnreadableEntries();
    assert.equal(entries.error, undefined);
    entries.throwIfAny();
  });

  it('are one error, which names the first ones and counts the others', () => {
    const entries = new UnreadableEntries();
    for (const path of ['a', 'b', 'c', 'd', 'e']) entries.add(bad(path));
    const { error } = entries;
    assert.equal(error?.kind, 'denied');
    assert.equal(error.path, 'a');
    assert.equal(
      error.message,
      'a has no size: rename it (also: b has no size; c has no size; 2 more entries)',
    );
    assert.throws(() => entries.throwIfAny(), error.constructor);
  });

  it('cannot break a line of the log', () => {
    const entries = new UnreadableEntries();
    entries.add(bad('a\n\u001b[2J\u202eb'));
    assert.equal(entries.error?.message, 'a??[2J?b has no size: rename it');
  });
});
