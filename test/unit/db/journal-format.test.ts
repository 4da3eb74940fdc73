import assert from 'node:assert/strict';
import { decodeJournal, encodeCommit } from '../../../src/db/journal-format.js';
import type { Commit } from '../../../src/db/schema.js';
import { fileRecord } from '../../fakes/file-record.js';

const COMMITS: readonly Commit[] = [
  { seq: 2, changes: [{ put: fileRecord(1, { path: 'журнал 🚁\n' }) }, { put: fileRecord(2) }] },
  { seq: 3, changes: [{ delete: fileRecord(1).id }] },
  { seq: 4, changes: [{ put: fileRecord(2, { size: 7 }) }] },
];
const LINES = COMMITS.map(encodeCommit);
const WHOLE = Buffer.concat(LINES);
const lengthOf = (lines: number) => Buffer.concat(LINES.slice(0, lines)).length;

describe('journal format', () => {
  it('a line is JSON and a commit', () => {
    const line = JSON.parse(LINES[1]?.toString() ?? '') as object;
    assert.deepEqual(line, { crc: 'b212a9a4', seq: 3, changes: [{ delete: '000000000001' }] });
  });

  it('gives back what was written', async () => {
    assert.deepEqual(await decodeJournal(WHOLE, 0), {
      commits: COMMITS,
      size: WHOLE.length,
      torn: 0,
      damaged: false,
    });
    assert.deepEqual(await decodeJournal(Buffer.alloc(0), 0), {
      commits: [],
      size: 0,
      torn: 0,
      damaged: false,
    });
  });

  it('leaves out commits whose changes are all known', async () => {
    assert.deepEqual((await decodeJournal(WHOLE, 1)).commits, COMMITS);
    assert.deepEqual((await decodeJournal(WHOLE, 2)).commits, COMMITS.slice(1));
    assert.deepEqual(await decodeJournal(WHOLE, 4), {
      commits: [],
      size: WHOLE.length,
      torn: 0,
      damaged: false,
    });
  });

  it('room behind the last line is not damage', async () => {
    for (const padding of [' '.repeat(1000), '\0'.repeat(1000), '\0'.repeat(10) + ' '.repeat(10)]) {
      const { commits, size, torn, damaged } = await decodeJournal(
        Buffer.concat([WHOLE, Buffer.from(padding)]),
        0,
      );
      assert.deepEqual([commits, size, torn, damaged], [COMMITS, WHOLE.length, 0, false]);
    }
  });

  it('cut off at any byte, it gives the whole lines before', async () => {
    for (let length = 0; length <= WHOLE.length; length++) {
      const { commits, size, torn, damaged } = await decodeJournal(WHOLE.subarray(0, length), 0);
      assert.deepEqual(commits, COMMITS.slice(0, commits.length));
      assert.equal(size, lengthOf(commits.length));
      assert.ok(length < lengthOf(commits.length + 1) || commits.length === COMMITS.length);
      assert.equal(torn > 0, length > size);
      assert.equal(damaged, false);
    }
  });

  it('any changed byte of the last line is noticed', async () => {
    for (let at = lengthOf(2); at < WHOLE.length; at++) {
      const { commits, size } = await decodeJournal(flipped(at), 0);
      assert.deepEqual(commits, COMMITS.slice(0, 2), `byte ${at}`);
      assert.equal(size, lengthOf(2));
    }
  });

  it('a changed byte before good lines is damage, and the good lines are given', async () => {
    const { commits, size, damaged } = await decodeJournal(flipped(lengthOf(1) + 30), 0);
    assert.deepEqual(commits, [COMMITS[0], COMMITS[2]]);
    assert.equal(size, WHOLE.length);
    assert.equal(damaged, true);
  });

  it('damage before lines that are known already is of no interest', async () => {
    assert.equal((await decodeJournal(flipped(lengthOf(1) + 30), 4)).damaged, false);
  });
});

function flipped(at: number): Buffer {
  const bytes = Buffer.from(WHOLE);
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  return bytes;
}
