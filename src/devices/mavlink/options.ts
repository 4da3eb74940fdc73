import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import * as z from 'zod';
import type { LinkLimits } from '../../config/definition.js';
import { rate, secret } from '../../config/options.js';
import { toFileSyncError } from '../../errors.js';
import { DEFAULT_COMPONENT, parseLinkUrl, type LinkAddress } from '../../mavlink/url.js';
import { linkOptions } from '../link-options.js';

/** Requests: twice the number that fills 8 Mbit/s at a round trip of 225 ms. */
const DEFAULT_MAX_IN_FLIGHT = 2048;

const DEFAULT_MAX_FILES = 1_000_000;

const mavlinkId = () => z.int().min(1).max(255);

const linkUrl = () =>
  z
    .string()
    .transform((url, context): LinkAddress => {
      try {
        return parseLinkUrl(url);
      } catch (error) {
        context.addIssue({ code: 'custom', message: toFileSyncError(error).message });
        return z.NEVER;
      }
    })
    .meta({ title: 'MAVLink address' });

/** The vehicle, the ids of this program, and the files to read. */
export const vehicleOptions = {
  root: z
    .string()
    .regex(/^[/@]/, 'must be an absolute path on the vehicle, such as /fs/microsd/log')
    .refine(path => !path.split('/').includes('..'), 'must not contain ".."')
    .transform(path => posix.join(path, '.').replace(/(?<=.)\/$/, ''))
    .meta({ title: 'path on the vehicle' })
    .optional()
    .describe(
      'folder on the vehicle (default: the log folder of its autopilot; PX4: /fs/microsd/log, ArduPilot: /APM/LOGS)',
    ),
  system_id: mavlinkId()
    .optional()
    .describe("our own MAVLink system id (default: the vehicle's, as for a computer on board)"),
  component_id: mavlinkId()
    .default(DEFAULT_COMPONENT)
    .describe('our own MAVLink component id, unique on the network of the vehicle'),
  target_system: mavlinkId()
    .optional()
    .describe('MAVLink system id of the vehicle (default: that of the first heartbeat)'),
  max_rate: rate(1)
    .optional()
    .describe('bytes of file data a second at most (default: what the link supports besides the telemetry)'),
  hours: linkOptions.hours,
  max_in_flight: z
    .int()
    .min(1)
    .max(8192)
    .default(DEFAULT_MAX_IN_FLIGHT)
    .describe('read requests in flight at most; 1 requests one packet at a time'),
  max_files: z
    .int()
    .min(1)
    .default(DEFAULT_MAX_FILES)
    .describe('files and folders that are listed at most; a listing that exceeds it is reported'),
};

const options = z.object({
  url: linkUrl().describe(
    'where the MAVLink of the vehicle is, as MAVROS writes it: udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, udp-b:// and udp-pb:// (broadcast), tcp://HOST:PORT, tcp-l://:PORT (the vehicle connects), serial:///dev/ttyACM0:921600, serial-hwfc:// (flow control), each with ?ids=SYSTEM,COMPONENT if needed; devices with the same UDP port share it and need target_system',
  ),
  ...vehicleOptions,
  over: linkOptions.over,
  unmetered: linkOptions.unmetered,
  protocol: z
    .enum(['auto', 'ftp', 'log'])
    .default('auto')
    .describe(
      'ftp: MAVLink FTP; log: the older log protocol (LOG_REQUEST_LIST), for firmware without MAVLink FTP and logs in a flash chip: slower, without checksums, and it can only erase all logs together; auto: ftp, or log where ftp is not answered or has no log folder',
    ),
  signing_key: secret()
    .optional()
    .describe(
      'key of MAVLink 2 message signing: 64 hex digits, or the passphrase that the ground station has; all messages are signed, and unsigned ones ignored',
    ),
});

const NO_NETWORK = 'there is no network: a serial port leads to the vehicle; leave it out';
const NO_ADDRESS =
  'needs the address of the vehicle, to know through which interface it is reached: write url as udp://:14540@HOST:PORT or tcp://HOST:PORT';

export const mavlinkOptions = options.superRefine(({ url, over, unmetered }, context) => {
  if (hostOf(url) !== undefined) return;
  const message = url.kind === 'serial' ? NO_NETWORK : NO_ADDRESS;
  for (const key of [...(over ? ['over'] : []), ...(unmetered ? ['unmetered'] : [])])
    context.addIssue({ code: 'custom', path: [key], message });
});
export type MavlinkOptions = z.output<typeof mavlinkOptions>;
export type VehicleDeviceOptions = Omit<
  MavlinkOptions,
  'url' | 'signing_key' | 'protocol' | 'over' | 'unmetered' | 'hours'
>;

/** Of the vehicle; undefined where it is known only when the vehicle sends something, or at a serial port. */
function hostOf(url: LinkAddress): string | undefined {
  if (url.kind === 'udp') return url.remote?.host;
  return url.kind === 'tcp' ? url.host : undefined;
}

/** When and through what the vehicle may be reached. */
export function linkTo({ url, over, unmetered, hours }: MavlinkOptions): LinkLimits {
  const host = hostOf(url);
  const address = host !== undefined && new URL(`mavlink://${isIPv6(host) ? `[${host}]` : host}`);
  return { ...(address && { url: address }), over, unmetered, hours, watched: true };
}
