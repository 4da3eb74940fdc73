import assert from 'node:assert/strict';
import { BehaviorSubject } from 'rxjs';
import { untilSettled } from '../../../src/pipeline/gate.js';
import type { Availability } from '../../../src/ports.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const here = (armed: boolean, reason = 'vehicle'): Availability => ({ available: true, reason, armed });

/** The armed flag as the gate sees it, and the hand that moves the vehicle's. */
function watched(first: Availability) {
  const clock = new VirtualClock();
  const vehicle = new BehaviorSubject(first);
  const seen: boolean[] = [];
  const watching = untilSettled(vehicle, clock).subscribe(({ armed }) => seen.push(armed));
  return { clock, vehicle, seen, watching };
}

describe('arming gate', () => {
  it('tells of arming at once, and of disarming only after two seconds', async () => {
    const { clock, vehicle, seen, watching } = watched(here(false));
    vehicle.next(here(true));
    assert.deepEqual(seen, [false, true]);
    vehicle.next(here(false));
    await clock.advance(1_999);
    assert.equal(seen.at(-1), true);
    await clock.advance(1);
    assert.equal(seen.at(-1), false);
    watching.unsubscribe();
  });

  it('is not kept closed longer by other news of the vehicle', async () => {
    const { clock, vehicle, seen, watching } = watched(here(true));
    vehicle.next(here(false));
    await clock.advance(1_500);
    vehicle.next(here(false, 'vehicle on another port'));
    await clock.advance(500);
    assert.equal(seen.at(-1), false);
    watching.unsubscribe();
  });

  it('stays closed when the vehicle is armed again meanwhile', async () => {
    const { clock, vehicle, seen, watching } = watched(here(true));
    vehicle.next(here(false));
    await clock.advance(1_000);
    vehicle.next(here(true));
    await clock.advance(10_000);
    assert.equal(seen.at(-1), true);
    watching.unsubscribe();
    assert.equal(clock.sleeping, 0);
  });

  it('is open at once for a vehicle that was never armed', () => {
    const { seen, watching } = watched(here(false));
    assert.deepEqual(seen, [false]);
    watching.unsubscribe();
  });
});
