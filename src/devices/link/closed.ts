import type { Availability } from '../../ports.js';

/** Why a device may not be used now. */
export type Closed = NonNullable<Availability['closed']>;

export const stateOf = (closed: Closed): Availability => ({
  ...{ available: true, armed: false, closed },
  reason: `not used now: ${closed.reason}`,
});
