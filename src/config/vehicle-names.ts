import type { Rule } from '../rules/rule.js';
import { mentions, needsUid } from '../rules/template.js';
import type { Config, DeviceConfig } from './config.js';
import type { KnownDevices } from './rules.js';
import type { ConfigPlace } from './issues.js';

// Names by which vehicles that share a server tell their files apart.

/** Placeholders that differ from vehicle to vehicle, or from flight to flight. */
const TELLS_APART = /^(?:vehicle|vehicle\.uid|hostname|log\.vehicle|log\.start|file\.date|coex\..+)$/;

/** The autopilots that rules take files from, by their devices' names. */
export function autopilotsOf(rules: readonly Rule[], devices: KnownDevices): readonly string[] {
  return [...new Set(rules.map(({ from }) => from))].filter(name => devices.get(name)?.autopilot === true);
}

/** Reports rules whose `{vehicle.uid}` no autopilot can ever fill. */
export function checkUids(rules: readonly Rule[], devices: KnownDevices, place: ConfigPlace): void {
  const autopilots = autopilotsOf(rules, devices);
  for (const [index, { from, path }] of rules.entries()) {
    if (!needsUid(path) || autopilots.includes(from) || autopilots.length === 1) continue;
    const why =
      autopilots.length === 0
        ? 'no rule takes files from an autopilot (mavlink, mavros), which alone knows {vehicle.uid}'
        : `{vehicle.uid} could be that of ${autopilots.join(' or ')}`;
    place.at(index, 'path').error(`${why}; use {vehicle}, which \`vehicle\` sets`);
  }
}

/**
 * A sentence for each target to which several vehicles would deliver under the same names: a server that keeps files by the names that
 * it is given, where neither the rule's path nor the device's options say which vehicle it is.
 */
export function sharedDestinations(
  { rules, devices }: Pick<Config, 'rules' | 'devices'>,
  vehicle: string,
): string[] {
  const shared = new Set<string>();
  for (const { to, path } of rules) {
    if (mentions(path, name => TELLS_APART.test(name)) || path.includes(vehicle)) continue;
    for (const name of to) if (isShared(devices.get(name), vehicle)) shared.add(name);
  }
  return [...shared].map(
    name =>
      `${name}: files of other vehicles may have the same names there (all are kept, with a suffix): put {vehicle} into the path of its rules, as in path: "{vehicle}/{device}/{file.path}"`,
  );
}

/** Devices that can be listed as well as written to hold files by name; those without a network are of this vehicle alone. */
function isShared(device: DeviceConfig | undefined, vehicle: string): boolean {
  if (!device?.type.source || !device.type.target || !device.type.link) return false;
  const texts = textsIn(device.options);
  return !texts.some(text => text.includes(vehicle) || mentions(text, name => TELLS_APART.test(name)));
}

/** All texts of a device's options. */
export function textsIn(options: unknown): readonly string[] {
  if (typeof options === 'string') return [options];
  if (options instanceof URL) return [options.href];
  return typeof options === 'object' && options !== null ? Object.values(options).flatMap(textsIn) : [];
}
