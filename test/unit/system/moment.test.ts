import assert from 'node:assert/strict';
import type { Moment } from '../../../src/ports.js';
import { ageOf, momentOf } from '../../../src/system/moment.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Date.UTC(2026, 10, 29);

const moment = (over: Partial<Moment>): Moment => ({ at: TODAY, boot: 'a', up: DAY, synced: true, ...over });

/** What happened, the moment, the present, and the age in ms. */
const TABLE: [string, Partial<Moment>, Partial<Moment>, number][] = [
  ['an hour passed', {}, { at: TODAY + HOUR, up: DAY + HOUR }, HOUR],
  ['the wall clock was set forward', { at: 0, synced: false }, { up: DAY + HOUR }, HOUR],
  ['the wall clock was set back', {}, { at: 0, up: DAY + HOUR, synced: false }, HOUR],
  ['the monotonic clock of one boot went back, which it never does', {}, { up: 0 }, 0],
  ['a reboot, and the clock was right before and after it', {}, { at: TODAY + DAY, boot: 'b', up: 5 }, DAY],
  ['a reboot, and similar uptimes', {}, { at: TODAY + DAY, boot: 'b' }, DAY],
  ['a reboot, and the clock is back in 1970', {}, { at: 0, boot: 'b', up: 5, synced: false }, 5],
  ['it was 1970, then the network set the clock', { at: 9, synced: false }, { boot: 'b', up: 5 }, 5],
  ['two boots in 1970', { at: 9, synced: false }, { at: 99, boot: 'b', up: HOUR, synced: false }, HOUR],
  ['a reboot, and a clock that was set back', {}, { at: TODAY - DAY, boot: 'b', up: 5 }, 0],
  ['boots without names are not the same boot', { boot: '' }, { boot: '', up: 2 * DAY }, 0],
  ['boots without names, and a clock that may be wrong', { boot: '' }, { boot: '', synced: false }, 0],
  ['one boot without a name', { boot: '', synced: false }, { boot: 'b', up: HOUR }, 0],
  ['boots without names', { boot: '' }, { at: TODAY + HOUR, boot: '', up: 2 * DAY }, HOUR],
];

describe('ages', () => {
  for (const [what, then, now, age] of TABLE)
    it(`${what}: ${age} ms`, () => assert.equal(ageOf(moment(then), moment(now)), age));

  it('a moment is what the clock says, in whole milliseconds of uptime', async () => {
    const clock = new VirtualClock(TODAY);
    await clock.advance(12.7);
    assert.deepEqual(momentOf(clock), { at: TODAY + 12.7, boot: clock.boot, up: 12, synced: true });
    clock.synchronised = false;
    assert.equal(momentOf(clock).synced, false);
  });

  it('go on through a reboot', async () => {
    const clock = new VirtualClock(TODAY);
    await clock.advance(DAY);
    const then = momentOf(clock);
    await clock.advance(HOUR);
    clock.reboot();
    await clock.advance(HOUR);
    assert.equal(ageOf(then, momentOf(clock)), 2 * HOUR);
    clock.reboot(0);
    clock.synchronised = false;
    await clock.advance(7);
    assert.equal(ageOf(then, momentOf(clock)), 7);
  });
});
