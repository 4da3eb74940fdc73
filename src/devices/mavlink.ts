import { randomInt } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
import { FtpChannel } from '../mavlink/ftp-channel.js';
import { FtpFiles } from '../mavlink/ftp-files.js';
import { FtpClient } from '../mavlink/ftp-client.js';
import { RemoteSource } from '../mavlink/remote-source.js';
import type { Transport } from '../mavlink/link.js';
import { transportTo } from '../mavlink/transport.js';
import { parseLinkUrl, type LinkAddress } from '../mavlink/url.js';
import { Vehicle } from '../mavlink/vehicle.js';
import { AdaptiveRead } from '../mavlink/window/adaptive-read.js';
import { toFileSyncError } from '../errors.js';
import { size } from '../config/options.js';
import type { Source } from '../ports.js';
import { defineDevice, type DeviceContext } from '../config/definition.js';

/** MAV_COMP_ID_ONBOARD_COMPUTER4: ground stations and MAVROS have other ids. */
const DEFAULT_COMPONENT = 194;

/** Fills 8 Mbit/s at a round trip of 225 ms twice over. */
const DEFAULT_IN_FLIGHT = 2048;

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

/** Which vehicle, who we are to it, and what of it is wanted. */
export const vehicleOptions = {
  root: z
    .string()
    .regex(/^[/@]/, 'must be an absolute path on the vehicle, such as /fs/microsd/log')
    .refine(path => !path.split('/').includes('..'), 'must not hold ".."')
    .transform(path => posix.join(path, '.').replace(/(?<=.)\/$/, ''))
    .meta({ title: 'path on the vehicle' })
    .default('/fs/microsd/log')
    .describe('folder on the vehicle; PX4: /fs/microsd/log, ArduPilot: /APM/LOGS'),
  system_id: mavlinkId()
    .optional()
    .describe("our own MAVLink system id (default: the vehicle's, as for a computer on board)"),
  component_id: mavlinkId()
    .default(DEFAULT_COMPONENT)
    .describe('our own MAVLink component id; nobody else on the network of the vehicle may have it'),
  target_system: mavlinkId()
    .optional()
    .describe('MAVLink system id of the vehicle (default: the first autopilot that is heard)'),
  max_rate: size()
    .refine(rate => rate > 0, 'must be more than 0')
    .optional()
    .describe('bytes of file data a second at most (default: what the link bears beside the telemetry)'),
  max_in_flight: z
    .int()
    .min(1)
    .max(8192)
    .default(DEFAULT_IN_FLIGHT)
    .describe('read requests under way at most; 1 asks for one packet at a time'),
};

const options = z.object({
  url: linkUrl().describe(
    'where the MAVLink of the vehicle is, as MAVROS writes it: udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, tcp://HOST:PORT or serial:///dev/ttyACM0:921600',
  ),
  ...vehicleOptions,
});
type Options = z.output<typeof options>;
export type VehicleOptions = Omit<Options, 'url'>;

/** The device on a link that is given. */
export function sourceOn(
  transport: Transport,
  options: VehicleOptions,
  { name, clock, logger }: DeviceContext,
): Source {
  const vehicle = new Vehicle({
    transport,
    clock,
    systemId: options.system_id,
    componentId: options.component_id,
    targetSystem: options.target_system,
  });
  const client = new FtpClient(new FtpChannel(vehicle, clock, randomInt(0x10000)));
  const strategy = new AdaptiveRead({ clock, logger, limits: limitsOf(options) });
  const files = new FtpFiles({ vehicle, client, strategy });
  return new RemoteSource({ device: name, root: options.root, logger }, files);
}

const limitsOf = ({ max_rate, max_in_flight }: VehicleOptions) => ({
  rate: max_rate ?? Infinity,
  inFlight: max_in_flight,
});

export const mavlink = defineDevice({
  type: 'mavlink',
  summary:
    'Source: log files of an autopilot (PX4, ArduPilot), by MAVLink FTP over UDP, TCP or a serial port',
  options,
  source: (options, context) => sourceOn(transportTo(options.url, context.clock), options, context),
});
