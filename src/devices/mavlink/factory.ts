import { randomInt } from 'node:crypto';
import type { Source } from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import type { VehicleOptions } from '../mavlink.js';
import { FtpChannel } from '../../mavlink/ftp-channel.js';
import { FtpClient } from '../../mavlink/ftp-client.js';
import { FtpFiles } from '../../mavlink/ftp-files.js';
import type { Transport } from '../../mavlink/link.js';
import { RemoteSource } from '../../mavlink/remote-source.js';
import { FrameTrace, tracedTransport } from '../../mavlink/trace.js';
import { Vehicle } from '../../mavlink/vehicle.js';
import { AdaptiveRead } from '../../mavlink/window/adaptive-read.js';

/** The device on any transport. */
export function sourceOn(transport: Transport, options: VehicleOptions, context: DeviceContext): Source {
  const { name, clock, logger } = context;
  const vehicle = new Vehicle({
    transport: withTrace(transport, context),
    clock,
    systemId: options.system_id,
    componentId: options.component_id,
    targetSystem: options.target_system,
  });
  const client = new FtpClient(new FtpChannel(vehicle, clock, randomInt(0x10000)), logger);
  const strategy = new AdaptiveRead({ clock, logger, limits: limitsOf(options) });
  const files = new FtpFiles({ vehicle, client, strategy });
  const { root, max_files: maxFiles } = options;
  return new RemoteSource({ device: name, root, maxFiles, logger }, files);
}

/** `FILESYNC_TRACE=mavlink:FILE` has every frame appended to the file. */
function withTrace(transport: Transport, { env, clock, logger }: DeviceContext): Transport {
  const [, file] = /^mavlink:(.+)$/s.exec(env['FILESYNC_TRACE'] ?? '') ?? [];
  return file === undefined ? transport : tracedTransport(transport, new FrameTrace(file, clock, logger));
}

const limitsOf = ({ max_rate, max_in_flight }: VehicleOptions) => ({
  rate: max_rate ?? Infinity,
  inFlight: max_in_flight,
});
