import * as z from 'zod';
import { mentions, UID } from '../rules/template.js';
import type { DeviceConfig } from './config.js';
import type { ConfigPlace } from './issues.js';
import { suggest } from './nearest.js';
import { duration } from './options.js';
import type { KnownDevices } from './rules.js';
import { textsIn } from './vehicle-names.js';

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

/** Reports a device that cannot keep the status of a fleet. */
export function checkFleet(
  { to, position }: FleetConfig,
  known: KnownDevices,
  devices: ReadonlyMap<string, DeviceConfig>,
  storesPositions: boolean,
  place: ConfigPlace,
): void {
  if (!known.has(to))
    return place.at('to').error(`unknown device "${to}"; ${suggest(to, [...known.keys()])}`);
  if (position && !storesPositions)
    place.at('position').warn('no position is known: set facts: { position: true } as well');
  const type = known.get(to);
  if (type && !isStore(type)) return place.at('to').error(`"${to}" (type ${type.type}) ${NO_STORE}`);
  if (!type?.shared && textsIn(devices.get(to)?.options).some(isOfOneVehicle))
    place.at('to').error(`"${to}" ${APART}`);
}

/** Whether such a device can be listed as well as written to. */
export const isStore = (type: object): boolean => 'source' in type && 'target' in type;

export const NO_STORE =
  'cannot be both source and target, which the status of a fleet needs: name a directory, an ftp, sftp or webdav server, or a bucket';

const APART =
  'has {vehicle} in its options, so each vehicle would report to a place of its own: name a device without it (the path of rules may have it)';

const isOfOneVehicle = (text: string): boolean =>
  mentions(text, name => name === 'vehicle' || name === UID || name === 'hostname');
