import { mentions, UID } from '../rules/template.js';
import type { DeviceConfig } from './config.js';
import type { FleetConfig } from './fleet.js';
import type { ConfigPlace } from './issues.js';
import { suggest } from './nearest.js';
import type { KnownDevices } from './rules.js';
import { textsIn } from './vehicle-names.js';

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
