import type { Availability } from '../ports.js';

/** Whether two reports of a device's availability say the same to people. */
export const isSameAvailability = (a: Availability, b: Availability): boolean =>
  a.available === b.available &&
  a.reason === b.reason &&
  a.armed === b.armed &&
  a.closed === b.closed &&
  a.uid === b.uid;

/** Before the first probe has answered. */
export const UNKNOWN: Availability = { available: false, reason: 'not probed yet', armed: false };

/** A device with two ends is available if both are. */
export function worstOf(ends: readonly Availability[]): Availability {
  const { available, reason, misconfigured } = ends.find(end => !end.available) ?? ends[0] ?? UNKNOWN;
  const armed = ends.some(end => end.armed);
  const uid = ends.find(end => end.uid !== undefined)?.uid;
  return {
    available,
    reason,
    armed,
    ...(uid !== undefined && { uid }),
    ...(misconfigured && { misconfigured }),
  };
}
