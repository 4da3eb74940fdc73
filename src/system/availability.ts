import type { Availability } from '../ports.js';

/** Whether two reports of a device's availability say the same to people. */
export const isSameAvailability = (a: Availability, b: Availability): boolean =>
  a.available === b.available && a.reason === b.reason && a.armed === b.armed;
