import { randomInt } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
import { FtpChannel } from '../mavlink/ftp-channel.js';
import { FtpClient } from '../mavlink/ftp-client.js';
import { stopAndWait } from '../mavlink/read-strategy.js';
import { MavlinkSource } from '../mavlink/source.js';
import { transportTo } from '../mavlink/transport.js';
import { parseLinkUrl, type LinkAddress } from '../mavlink/url.js';
import { Vehicle } from '../mavlink/vehicle.js';
import { toFileSyncError } from '../errors.js';
import type { Source } from '../ports.js';
import { defineDevice, type DeviceContext } from './definition.js';

/** MAV_COMP_ID_ONBOARD_COMPUTER4: ground stations and MAVROS have other ids. */
const DEFAULT_COMPONENT = 194;

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

const options = z.object({
  url: linkUrl().describe(
    'where the MAVLink of the vehicle is, as MAVROS writes it: udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, tcp://HOST:PORT or serial:///dev/ttyACM0:921600',
  ),
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
});
type Options = z.output<typeof options>;

function source(options: Options, { name, clock, logger }: DeviceContext): Source {
  const vehicle = new Vehicle({
    transport: transportTo(options.url, clock),
    clock,
    systemId: options.system_id,
    componentId: options.component_id,
    targetSystem: options.target_system,
  });
  const client = new FtpClient(new FtpChannel(vehicle, clock, randomInt(0x10000)));
  return new MavlinkSource({
    device: name,
    root: options.root,
    vehicle,
    client,
    strategy: stopAndWait,
    logger,
  });
}

export const mavlink = defineDevice({
  type: 'mavlink',
  summary:
    'Source: log files of an autopilot (PX4, ArduPilot), by MAVLink FTP over UDP, TCP or a serial port',
  options,
  source,
});
