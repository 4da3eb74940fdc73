import {
  combineLatest,
  concat,
  defer,
  distinctUntilChanged,
  map,
  of,
  switchMap,
  type Observable,
} from 'rxjs';
import type { Availability, Clock } from '../ports.js';
import type { WhileArmed } from '../rules/rule.js';
import { after } from './rx.js';

/** ms after disarming for which a vehicle is left alone: it closes its log then. */
const SETTLE_AFTER_ARMED = 2_000;

/** Whether work may begin, and if not, why. */
export interface Gate {
  readonly open: boolean;
  readonly reason: string;
  /** Work under way must stop too. Absence alone does not ask for that: what is cut off notices by itself. */
  readonly interrupts: boolean;
}

const OPEN: Gate = { open: true, reason: '', interrupts: false };
const away = ({ reason }: Availability): Gate => ({ open: false, reason, interrupts: false });
const PAUSED: Gate = { open: false, reason: 'paused', interrupts: true };
const ARMED: Gate = { open: false, reason: 'the vehicle is armed', interrupts: true };

const sameGate = (a: Gate, b: Gate) => a.open === b.open && a.reason === b.reason;

/** The availability of a source that counts as armed until some time after its vehicle was disarmed. */
export function untilSettled(source: Observable<Availability>, clock: Clock): Observable<Availability> {
  return defer(() => {
    let armed = false;
    let settledAt = -Infinity;
    return source.pipe(
      switchMap(now => {
        if (armed && !now.armed) settledAt = clock.monotonic() + SETTLE_AFTER_ARMED;
        armed = now.armed;
        const left = settledAt - clock.monotonic();
        if (armed || left <= 0) return of(now);
        return concat(of({ ...now, armed: true }), after(clock, left).pipe(map(() => now)));
      }),
    );
  });
}

/** For work that talks to a source: closed by a pause, by absence, and by arming unless the rule says `continue`. */
export function sourceGate(
  source: Observable<Availability>,
  paused: Observable<boolean>,
  whileArmed: Observable<WhileArmed>,
): Observable<Gate> {
  const decide = (now: Availability, pause: boolean, mode: WhileArmed): Gate => {
    if (pause) return PAUSED;
    if (now.armed && mode !== 'continue') return ARMED;
    return now.available ? OPEN : away(now);
  };
  return combineLatest([source, paused, whileArmed]).pipe(
    map(([now, pause, mode]) => decide(now, pause, mode)),
    distinctUntilChanged(sameGate),
  );
}

/** For work that talks to a target: the vehicle matters only to rules that pause everything while it is armed. */
export function targetGate(
  target: Observable<Availability>,
  source: Observable<Availability>,
  paused: Observable<boolean>,
  whileArmed: Observable<WhileArmed>,
): Observable<Gate> {
  const decide = (now: Availability, vehicle: Availability, pause: boolean, mode: WhileArmed): Gate => {
    if (pause) return PAUSED;
    if (vehicle.armed && mode === 'pause') return ARMED;
    return now.available ? OPEN : away(now);
  };
  return combineLatest([target, source, paused, whileArmed]).pipe(
    map(([now, vehicle, pause, mode]) => decide(now, vehicle, pause, mode)),
    distinctUntilChanged(sameGate),
  );
}

/** For work that needs both gates open at the same time. */
export function bothGates(one: Observable<Gate>, other: Observable<Gate>): Observable<Gate> {
  return combineLatest([one, other]).pipe(
    map(gates => gates.find(gate => gate.interrupts) ?? gates.find(gate => !gate.open) ?? OPEN),
    distinctUntilChanged(sameGate),
  );
}
