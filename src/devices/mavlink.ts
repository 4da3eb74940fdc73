import { join, posix } from 'node:path';
import * as z from 'zod';
import { DEFAULT_COMPONENT, parseLinkUrl, type LinkAddress } from '../mavlink/url.js';
import { toFileSyncError } from '../errors.js';
import { rate, secret } from '../config/options.js';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import type { Signing } from '../mavlink/signing.js';

/** Requests: twice the number that fills 8 Mbit/s at a round trip of 225 ms. */
const DEFAULT_MAX_IN_FLIGHT = 2048;

/** Link id of signatures: any number that this program alone uses on the vehicle. */
const SIGNING_LINK = 194;

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
type Options = z.output<typeof options>;
export type VehicleOptions = Omit<Options, 'url' | 'signing_key' | 'protocol'>;

export const mavlink = defineDevice({
  type: 'mavlink',
  summary:
    'Source: log files of an autopilot (PX4, ArduPilot), by MAVLink FTP over UDP, TCP or a serial port',
  options,
  exclusive: true,
  source: async (options, context) => {
    const { transportTo } = await import('../mavlink/transport.js');
    const { sourceOn } = await import('./mavlink/factory.js');
    const { clock, logger } = context;
    const transport = transportTo(options.url, { clock, logger, system: options.target_system });
    const signing = await signingOf(options, context);
    return sourceOn(transport, options, context, {
      ids: options.url.ids,
      signing,
      protocol: options.protocol,
    });
  },
});

/** The last timestamp is kept below the local storage, since it must not go back after a restart. */
async function signingOf(
  { signing_key: key }: Options,
  context: DeviceContext,
): Promise<Signing | undefined> {
  if (key === undefined) return undefined;
  const { name, clock, local } = context;
  const { keyFrom, Signing } = await import('../mavlink/signing.js');
  const { TimestampFile } = await import('./mavlink/timestamp-file.js');
  const store = new TimestampFile(join(local, '.mavlink-signing', encodeURIComponent(name)));
  return new Signing({ key: keyFrom(context.secret(key)), linkId: SIGNING_LINK, clock, store });
}
