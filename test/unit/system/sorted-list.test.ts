import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SortedList } from '../../../src/system/sorted-list.js';

interface Item {
  readonly rank: number;
}

const byRank = (a: Item, b: Item) => a.rank - b.rank;
const items = fc.array(fc.record({ rank: fc.nat(20) }), { maxLength: 40 });

describe('SortedList', () => {
  it('returns the first item that satisfies the test, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(items, items), { maxLength: 5 }), steps => {
        const list = new SortedList(byRank);
        let all: Item[] = [];
        for (const [incoming, going] of steps) {
          for (const item of incoming) list.insert(item);
          const removed = new Set(
            [...all, ...incoming].filter(({ rank }) => going.some(one => one.rank === rank)),
          );
          for (const item of removed) list.remove(item);
          all = [...all, ...incoming].filter(item => !removed.has(item));
          const isOdd = ({ rank }: Item) => rank % 2 === 1;
          assert.equal(list.find(isOdd)?.rank, all.filter(isOdd).sort(byRank)[0]?.rank);
          assert.equal(list.find(() => true)?.rank, all.toSorted(byRank)[0]?.rank);
        }
      }),
    );
  });

  it('ignores the removal of what it does not hold', () => {
    const list = new SortedList(byRank);
    const one = { rank: 1 };
    list.insert(one);
    list.remove({ rank: 1 });
    assert.equal(
      list.find(() => true),
      one,
    );
  });

  it('is empty when all is removed', () => {
    const list = new SortedList(byRank);
    const all = Array.from({ length: 20 }, (_, rank) => ({ rank }));
    for (const item of all) list.insert(item);
    for (const item of all) list.remove(item);
    assert.equal(
      list.find(() => true),
      undefined,
    );
  });
});
