import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lengthOfLines, linesOf } from '../../../src/db/lines.js';
import { WorkPacer } from '../../../src/system/work-pacer.js';
import { CrashDisk } from './crash-disk.js';

/** Lengths that lie around the pieces in which a file is read. */
const length = fc.oneof(fc.nat(80), fc.constantFrom(262_143, 262_144, 262_145, 600_000));
const content = fc.array(length, { maxLength: 12 }).map(lengths => lengths.map(size => 'x'.repeat(size)));

describe('lines of a file', () => {
  const readerOf = async (text: string) => {
    const file = await new CrashDisk(new Map([['a', Buffer.from(text)]])).openToRead('a');
    assert.ok(file);
    return file;
  };
  const collected = async (text: string, end?: number) => {
    const batches: string[][] = [];
    for await (const lines of linesOf(await readerOf(text), end)) batches.push(Array.from(lines, String));
    return batches;
  };

  it('come whole and in order; what follows the last line end is left out', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.boolean(), async (texts, ended) => {
        const lines = texts.map(text => `${text}\n`);
        const rest = ended ? '' : 'rest';
        assert.deepEqual((await collected(lines.join('') + rest)).flat(), lines);
      }),
    );
  });

  it('end where they are asked to', async () => {
    const text = 'ab\ncd\nef\n';
    assert.deepEqual((await collected(text, 6)).flat(), ['ab\n', 'cd\n']);
    assert.deepEqual((await collected(text, 8)).flat(), ['ab\n', 'cd\n']);
    assert.deepEqual(await collected(text, 0), []);
  });

  it('of a large file come in many parts, so that other work goes on between them', async () => {
    const batches = await collected('0123456789\n'.repeat(100_000));
    const sizes = batches.map(lines => lines.join('').length);
    assert.ok(Math.max(...sizes) < 300_000, `${sizes.join()} bytes at a time`);
  });

  it('their length is that up to the last line end', async () => {
    await fc.assert(
      fc.asyncProperty(content, length, async (texts, rest) => {
        const lines = texts.map(text => `${text}\n`).join('');
        assert.equal(await lengthOfLines(await readerOf(lines + 'x'.repeat(rest))), lines.length);
      }),
    );
  });
});

describe('long work in parts', () => {
  it('gives the event loop a turn after each part, and only then', async () => {
    let turns = 0;
    const pacer = new WorkPacer(10);
    for (let work = 1; work <= 35; work++) {
      setImmediate(() => (turns += 1));
      const pause = pacer.after(1);
      assert.equal(pause !== undefined, work % 10 === 0);
      await pause;
    }
    assert.equal(turns, 30);
  });
});
