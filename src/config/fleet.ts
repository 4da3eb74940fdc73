import * as z from 'zod';
import { duration } from './options.js';

/** A shorter interval would be a busy loop on the server. */
const MIN_EVERY_MS = 1_000;

/** The key `fleet`. */
export const fleetSchema = z.strictObject({
  to: z
    .string()
    .min(1)
    .describe(
      'device that keeps the status of all vehicles, in its folder `fleet`; one that can be both source and target',
    ),
  every: duration()
    .refine(ms => ms >= MIN_EVERY_MS, { error: `must be at least ${MIN_EVERY_MS}ms` })
    .prefault('10m')
    .describe(
      'pause between two looks at whether the status has changed; it is written then, and at least after six of these pauses, or an hour if that is less',
    ),
  position: z
    .boolean()
    .default(false)
    .describe('the last known position is part of the status; needs `facts: { position: true }`'),
});
export type FleetConfig = z.output<typeof fleetSchema>;
