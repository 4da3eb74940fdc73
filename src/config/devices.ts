import * as z from 'zod';
import type { DeviceType } from './definition.js';
import type { DeviceConfig } from './config.js';
import type { Place } from './issues.js';
import { isRecord } from './introspect.js';
import { suggest } from './nearest.js';
import { commonDeviceOptions } from './options.js';
import { secretsIn } from './secret-options.js';
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
  place: Place,
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
function checkName(name: string, place: Place): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) return;
  place.error('a device name is made of letters A-Z, digits, _ and -, with a letter or digit in front');
}

function checkDevice(
  name: string,
  raw: unknown,
  types: readonly DeviceType[],
  place: Place,
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

function reportType(type: unknown, types: readonly DeviceType[], place: Place): void {
  const known = types.map(({ type }) => type);
  if (typeof type === 'string') place.error(`unknown device type "${type}"; ${suggest(type, known)}`);
}

/** The type's own options, without the keys that every device may have. */
function checkOptions({ options: schema }: DeviceType, raw: RawOptions, place: Place): unknown {
  const own = Object.keys(schema.shape);
  const keys = Object.keys(raw).filter(key => !COMMON_KEYS.includes(key));
  const unknown = keys.filter(key => !own.includes(key));
  reportUnknownKeys(unknown, [...COMMON_KEYS, ...own], place);
  warnOfSecrets(schema, raw, place);
  const options = keys.filter(key => own.includes(key)).map(key => [key, raw[key]]);
  return validate(schema, Object.fromEntries(options), place);
}

/** A secret in the file itself is allowed, with a warning. */
function warnOfSecrets(schema: z.ZodType, raw: RawOptions, place: Place): void {
  for (const { path, value } of secretsIn(schema, raw))
    if (typeof value === 'string')
      place.at(...path).warn('a secret in the configuration itself; better { env: NAME } or { file: PATH }');
}
