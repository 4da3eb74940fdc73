import * as z from 'zod';
import type { DeviceType } from './definition.js';
import type { DeviceConfig } from './config.js';
import type { ConfigPlace } from './issues.js';
import { isRecord } from './introspect.js';
import { suggest } from './nearest.js';
import { commonDeviceOptions } from './options.js';
import { warnOfSecrets } from './secret-options.js';
import { reportUnknownKeys, validate } from './validate.js';

/** Keys that every device may have. */
export const commonSchema = z.object({
  type: z.string().min(1).describe('kind of device, see below'),
  ...commonDeviceOptions,
});
const COMMON_KEYS = Object.keys(commonSchema.shape);

type RawOptions = Readonly<Record<string, unknown>>;

/** The valid devices; errors in the others are reported at their `place`. */
export function checkDevices(
  raw: unknown,
  types: readonly DeviceType[],
  place: ConfigPlace,
): ReadonlyMap<string, DeviceConfig> {
  const devices = new Map<string, DeviceConfig>();
  for (const [name, options] of entriesOf(raw)) {
    checkName(name, place.at(name));
    const device = checkDevice(name, options, types, place.at(name));
    if (device) devices.set(name, device);
  }
  return devices;
}

/** Every device that the file names, with its type where that is known. */
export function typesByName(
  raw: unknown,
  types: readonly DeviceType[],
): ReadonlyMap<string, DeviceType | undefined> {
  return new Map(
    entriesOf(raw).map(([name, options]) => [name, isRecord(options) ? typeOf(options, types) : undefined]),
  );
}

function entriesOf(raw: unknown): [string, unknown][] {
  return Object.entries(isRecord(raw) ? raw : {});
}

function typeOf(options: RawOptions, types: readonly DeviceType[]): DeviceType | undefined {
  return types.find(({ type }) => type === options.type);
}

/** Names become folders and parts of ROS names. */
function checkName(name: string, place: ConfigPlace): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) return;
  place.error('a device name is made of letters A-Z, digits, _ and -, with a letter or digit in front');
}

function checkDevice(
  name: string,
  raw: unknown,
  types: readonly DeviceType[],
  place: ConfigPlace,
): DeviceConfig | undefined {
  if (!isRecord(raw)) {
    place.error('must be a map of keys, like { type: directory, path: ./inbox }');
    return undefined;
  }
  const common = validate(commonSchema, raw, place);
  const type = typeOf(raw, types);
  if (!type) {
    reportType(raw.type, types, place.at('type'));
    return undefined;
  }
  const options = checkOptions(type, raw, place);
  return common && options !== undefined ? { name, ...limits(common), type, options } : undefined;
}

/** Without the keys that were not given. */
function limits({ lock, connections }: z.output<typeof commonSchema>) {
  return { ...(lock !== undefined && { lock }), ...(connections !== undefined && { connections }) };
}

function reportType(type: unknown, types: readonly DeviceType[], place: ConfigPlace): void {
  const known = types.map(({ type }) => type);
  if (typeof type === 'string') place.error(`unknown device type "${type}"; ${suggest(type, known)}`);
}

/** The type's own options, without the keys that every device may have. */
function checkOptions(
  { options: schema, lacks = {} }: DeviceType,
  raw: RawOptions,
  place: ConfigPlace,
): unknown {
  const own = Object.keys(schema.shape);
  const keys = Object.keys(raw).filter(key => !COMMON_KEYS.includes(key));
  const unknown = keys.filter(key => !own.includes(key));
  const lacking = unknown.filter(key => Object.hasOwn(lacks, key));
  for (const key of lacking) place.at(key).error(lacks[key] ?? '');
  const strange = unknown.filter(key => !lacking.includes(key));
  reportUnknownKeys(strange, [...COMMON_KEYS, ...own], place);
  warnOfSecrets(schema, raw, place);
  const options = keys.filter(key => own.includes(key)).map(key => [key, raw[key]]);
  return validate(schema, Object.fromEntries(options), place);
}
