import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_GAP_MS, sectionsOf, type Span } from '../../../src/flights/span.js';
import { nearest, Timeline, type Logged } from '../../../src/flights/timeline.js';
import { fileRecord } from '../../fakes/file-record.js';

const span = fc
  .tuple(fc.nat(60), fc.nat(15))
  .map(([start, length]): Span => ({ start: start * 30_000, end: (start + length) * 30_000 }));

/** Flights of up to three owners; those of one do not overlap, and are more than MAX_GAP_MS apart. */
const flights = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), span), { maxLength: 15 }).map(all =>
  ['a', 'b', 'c'].flatMap(key => {
    const files = all
      .filter(([owner]) => owner === key)
      .map(([, one]) => ({ ...one, record: fileRecord(1) }));
    return sectionsOf(files).map(({ start, end }): Logged => ({ start, end, owner: { key, vehicle: '' } }));
  }),
);

const text = (some: readonly Logged[]): string[] =>
  some.map(({ owner, start, end }) => `${owner.key} ${start} ${end}`);

describe('flights by time', () => {
  it('are found around any span, if all are of one owner', () => {
    fc.assert(
      fc.property(flights, span, (all, wanted) => {
        const near = all
          .filter(({ start, end }) => start <= wanted.end + MAX_GAP_MS && end >= wanted.start - MAX_GAP_MS)
          .sort((a, b) => a.start - b.start);
        const isOnes = new Set(near.map(({ owner }) => owner.key)).size === 1;
        assert.deepEqual(text(new Timeline(all).around(wanted)), isOnes ? text(near) : []);
      }),
      { numRuns: 2000 },
    );
  });

  it('have one that is nearest to any time', () => {
    const ofOne = flights
      .map(all => all.filter(({ owner }) => owner.key === 'a'))
      .filter(all => all.length > 0);
    const distance = ({ start, end }: Span, time: number) => Math.max(start - time, time - end, 0);
    fc.assert(
      fc.property(ofOne, fc.nat(80 * 30_000), (all, time) => {
        const least = Math.min(...all.map(one => distance(one, time)));
        assert.equal(distance(nearest(all, time), time), least);
      }),
    );
  });
});
