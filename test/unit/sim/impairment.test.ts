import assert from 'node:assert/strict';
import { Impairment, UNIMPAIRED, type Impairments } from '../../../src/sim/impairment.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const COUNT = 20_000;
const SIZE = 250;

/** What arrives of numbered packets that are sent one a ms, and when. */
async function arrivals(
  how: Partial<Impairments>,
  count: number,
  gap = 1,
): Promise<{ packet: number; at: number }[]> {
  const clock = new VirtualClock();
  const link = new Impairment({ ...UNIMPAIRED, ...how }, clock, 0);
  const got: { packet: number; at: number }[] = [];
  for (let packet = 0; packet < count; packet++) {
    link.send(SIZE, () => got.push({ packet, at: clock.monotonic() }));
    if (gap > 0) await clock.advance(gap);
  }
  await clock.advance(60_000);
  return got;
}

/** The same, as fast as it goes, on a link without times. */
function numbers(how: Partial<Impairments>, direction = 0): number[] {
  const link = new Impairment({ ...UNIMPAIRED, ...how }, new VirtualClock(), direction);
  const got: number[] = [];
  for (let packet = 0; packet < COUNT; packet++) link.send(SIZE, () => got.push(packet));
  assert.equal(link.dropped, COUNT - new Set(got).size);
  return got;
}

const near = (share: number, wanted: number) =>
  assert.ok(Math.abs(share - wanted) < 0.01, `${share}, not ${wanted}`);

describe('impairments of a simulated link', () => {
  it('leave a good link alone', () => {
    assert.deepEqual(
      numbers({}),
      Array.from({ length: COUNT }, (_, packet) => packet),
    );
  });

  for (const share of [0.02, 0.1, 0.5]) {
    it(`lose the share that is asked for: ${share}`, () => {
      near(1 - numbers({ loss: share }).length / COUNT, share);
    });

    it(`double the share that is asked for: ${share}`, () => {
      near(numbers({ dup: share }).length / COUNT - 1, share);
    });
  }

  it('lose everything on a link that is cut', () => {
    assert.deepEqual(numbers({ loss: 1 }), []);
  });

  it('repeat with the same seed, and differ with another and in the other direction', () => {
    const bad = { loss: 0.1, dup: 0.1 };
    assert.deepEqual(numbers({ ...bad, seed: 7 }), numbers({ ...bad, seed: 7 }));
    assert.notDeepEqual(numbers({ ...bad, seed: 7 }), numbers({ ...bad, seed: 8 }));
    assert.notDeepEqual(numbers({ ...bad, seed: 7 }), numbers({ ...bad, seed: 7 }, 1));
  });

  it('delay every packet and keep the order', async () => {
    const got = await arrivals({ delay: 25 }, 50);
    assert.deepEqual(
      got,
      Array.from({ length: 50 }, (_, packet) => ({ packet, at: packet + 25 })),
    );
  });

  it('let later packets overtake the share that is asked for, and lose none', async () => {
    const got = await arrivals({ reorder: 0.2, delay: 5 }, 1000);
    assert.equal(new Set(got.map(each => each.packet)).size, 1000);
    const late = got.filter(({ packet, at }) => at > packet + 5);
    assert.ok(Math.abs(late.length / 1000 - 0.2) < 0.05, `${late.length} of 1000`);
    assert.notDeepEqual(
      got,
      [...got].sort((a, b) => a.packet - b.packet),
    );
  });

  it('send no faster than the rate, one after the other', async () => {
    const got = await arrivals({ rate: 25_000 }, 100, 0);
    assert.deepEqual(
      got.map(each => Math.round(each.at)),
      Array.from({ length: 100 }, (_, packet) => (packet + 1) * 10),
    );
  });

  it('drop what a slow link has no room for, and say when a burst should wait', () => {
    const clock = new VirtualClock();
    const link = new Impairment({ ...UNIMPAIRED, rate: 25_000 }, clock, 0);
    assert.equal(link.congestion, 0);
    for (let packet = 0; packet < 1000; packet++) link.send(SIZE, () => undefined);
    assert.ok(link.dropped > 700 && link.dropped < 900, `${link.dropped}`);
    assert.ok(link.congestion > 1000);
    link.close();
    assert.equal(clock.sleeping, 0);
  });

  it('deliver nothing after they were closed', async () => {
    const clock = new VirtualClock();
    const link = new Impairment({ ...UNIMPAIRED, delay: 10 }, clock, 0);
    link.send(SIZE, () => assert.fail('delivered'));
    link.close();
    link.send(SIZE, () => assert.fail('delivered'));
    await clock.advance(100);
    assert.equal(clock.sleeping, 0);
  });
});
