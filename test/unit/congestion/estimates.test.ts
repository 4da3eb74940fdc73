import assert from 'node:assert/strict';
import { Pacer } from '../../../src/congestion/pacer.js';
import { QueueingDelay } from '../../../src/congestion/queueing-delay.js';
import { RetransmissionTimer } from '../../../src/congestion/retransmission.js';
import { Rounds, type Round } from '../../../src/congestion/rounds.js';

const MINUTE_MS = 60_000;

/** Expectations are numbers, so that each of these tests fails where one of the constants changes. */
describe('congestion control', () => {
  it('pacer: a late timer catches up on 20 ms of sending', () => {
    const pacer = new Pacer(1_000);
    pacer.asked(100, 0);
    assert.equal(pacer.wait(0), 100);
    pacer.asked(100, 1_000);
    assert.equal(pacer.wait(1_000), 80);
  });

  it('queueing delay: the base delay is remembered for five to ten minutes', () => {
    const delay = new QueueingDelay();
    delay.sample(10, 0);
    for (let at = MINUTE_MS; at <= 9 * MINUTE_MS; at += MINUTE_MS) delay.sample(30, at);
    assert.equal(delay.base, 10);
    for (let at = 10 * MINUTE_MS; at <= 12 * MINUTE_MS; at += MINUTE_MS) delay.sample(30, at);
    assert.equal(delay.base, 30);
  });

  it('retransmission: mean and deviation are those of RFC 6298, section 2', () => {
    const timer = new RetransmissionTimer();
    timer.answered(1, 100);
    assert.equal(timer.expected, 100 + 4 * 50);
    timer.answered(1, 180);
    assert.equal(timer.smoothed, 110);
    assert.equal(timer.expected, 110 + 4 * 57.5);
  });

  describe('rounds', () => {
    let rounds: Rounds;
    let now: number;

    beforeEach(() => {
      rounds = new Rounds();
      now = 0;
    });

    /** A round of 1000 requests in `ms`, of which the share `loss` is lost, while packets wait for `queueing` ms. */
    function round(loss: number, queueing = 0, ms = 1_000): Round {
      const lost = Math.round(1_000 * loss);
      rounds.restart(now, 1);
      for (let count = 0; count < lost; count++) rounds.lost();
      for (let count = lost + 1; count < 1_000; count++) rounds.answered(0, queueing, now, 1);
      now += ms;
      const ended = rounds.answered(1, queueing, now, 2);
      assert.ok(ended);
      return ended;
    }

    /** That many equal rounds, before the one that is judged. */
    const after = (count: number, loss: number, queueing = 0) => {
      for (let index = 0; index < count; index++) round(loss, queueing);
    };

    it('a round has 16 requests and 20 ms at least', () => {
      rounds.restart(0, 0);
      for (let count = 1; count < 16; count++) assert.equal(rounds.answered(0, 0, 100, 0), undefined);
      assert.ok(rounds.answered(0, 0, 100, 0));
      rounds.restart(0, 0);
      for (let count = 1; count < 100; count++) assert.equal(rounds.answered(0, 0, 19, 0), undefined);
      assert.ok(rounds.answered(0, 0, 20, 0));
    });

    it('the best rate is that of the last eight rounds', () => {
      round(0, 0, 500);
      after(7, 0);
      assert.equal(rounds.bestRate, 2);
      round(0);
      assert.equal(rounds.bestRate, 1);
    });

    it('the rate of now is that of 50 ms', () => {
      rounds.answered(0, 0, 49, 1);
      assert.equal(rounds.rateNow, 0);
      rounds.answered(0, 0, 50, 1);
      assert.equal(rounds.rateNow, 2 / 50);
    });

    it("the link's own loss is a mean of 16 rounds, and at most 60 %", () => {
      after(50, 0);
      round(0.8);
      assert.equal(rounds.ownLoss.toFixed(6), (0.8 / 16).toFixed(6));
      after(100, 0.9);
      assert.equal(rounds.ownLoss, 0.6);
    });

    interface Case {
      readonly title: string;
      readonly before?: () => void;
      /** Loss, and ms of queueing. */
      readonly under: readonly [number, number];
      readonly over: readonly [number, number];
    }
    const cases: readonly Case[] = [
      {
        title: 'half as much again as the own loss, and 2 %',
        before: () => after(20, 0.1),
        under: [0.16, 50],
        over: [0.18, 50],
      },
      { title: 'where packets wait for more than 4 ms', under: [0.5, 3], over: [0.5, 5] },
      {
        title: 'where they wait for half of the longest time lately',
        before: () => after(1, 0, 100),
        under: [0.5, 45],
        over: [0.5, 52],
      },
      {
        title: 'where that time falls by 2 % a round',
        before: () => {
          after(1, 0, 100);
          after(34, 0);
        },
        under: [0.5, 24],
        over: [0.5, 27],
      },
      {
        title: 'where the mean of 8 rounds with full queues exceeds it',
        before: () => after(20, 0, 50),
        under: [0.1, 50],
        over: [0.2, 50],
      },
    ];
    for (const { title, before, under, over } of cases)
      it(`loss is congestion: ${title}`, () => {
        before?.();
        assert.equal(round(...under).congested, false);
        rounds = new Rounds();
        before?.();
        assert.equal(round(...over).congested, true);
      });
  });
});
