import { posix } from 'node:path';
import * as z from 'zod';
import { parseLinkUrl, type LinkAddress } from '../mavlink/url.js';
import { toFileSyncError } from '../errors.js';
import { size } from '../config/options.js';
import { defineDevice } from '../config/definition.js';

/** MAV_COMP_ID_ONBOARD_COMPUTER4: ground stations and MAVROS have other ids. */
const DEFAULT_COMPONENT = 194;

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
  max_rate: size()
    .refine(rate => rate > 0, 'must be more than 0')
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
    'where the MAVLink of the vehicle is, as MAVROS writes it: udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, tcp://HOST:PORT or serial:///dev/ttyACM0:921600',
  ),
  ...vehicleOptions,
});
type Options = z.output<typeof options>;
export type VehicleOptions = Omit<Options, 'url'>;

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
    return sourceOn(transport, options, context);
  },
});
