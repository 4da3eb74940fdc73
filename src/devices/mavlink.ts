import { join } from 'node:path';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import type { Signing } from '../mavlink/signing.js';
import { linkTo, mavlinkOptions, type MavlinkOptions } from './mavlink/options.js';

/** Link id of signatures: any number that this program alone uses on the vehicle. */
const SIGNING_LINK = 194;

export const mavlink = defineDevice({
  type: 'mavlink',
  summary:
    'Source: log files of an autopilot (PX4, ArduPilot), by MAVLink FTP over UDP, TCP or a serial port',
  options: mavlinkOptions,
  exclusive: true,
  autopilot: true,
  link: linkTo,
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
  { signing_key: key }: MavlinkOptions,
  context: DeviceContext,
): Promise<Signing | undefined> {
  if (key === undefined) return undefined;
  const { name, clock, local } = context;
  const { keyFrom, Signing } = await import('../mavlink/signing.js');
  const { TimestampFile } = await import('./mavlink/timestamp-file.js');
  const store = new TimestampFile(join(local, '.mavlink-signing', encodeURIComponent(name)));
  return new Signing({ key: keyFrom(context.secret(key)), linkId: SIGNING_LINK, clock, store });
}
