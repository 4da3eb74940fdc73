import { randomInt } from 'node:crypto';
import type { Source } from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import { FtpChannel } from '../../mavlink/ftp-channel.js';
import { FtpClient } from '../../mavlink/ftp-client.js';
import { FtpFiles } from '../../mavlink/ftp-files.js';
import { AutoFiles } from '../../mavlink/log-fallback.js';
import { LogFiles } from '../../mavlink/log-files.js';
import type { Transport } from '../../mavlink/link.js';
import type { Signing } from '../../mavlink/signing.js';
import { DEFAULT_COMPONENT, type Ids } from '../../mavlink/url.js';
import { RemoteSource } from '../../mavlink/remote-source.js';
import { FrameTrace, tracedTransport } from '../../mavlink/trace.js';
import { Vehicle } from '../../mavlink/vehicle.js';
import { AdaptiveRead } from '../../mavlink/window/adaptive-read.js';
import type { VehicleDeviceOptions } from './options.js';

export interface LinkOptions {
  /** Of this program, from its address; options take precedence. */
  readonly ids?: Ids | undefined;
  readonly signing?: Signing | undefined;
  /** How files are transferred; default `ftp`. */
  readonly protocol?: 'auto' | 'ftp' | 'log';
}

/** The device on any transport. */
export function sourceOn(
  transport: Transport,
  options: VehicleDeviceOptions,
  context: DeviceContext,
  { ids, signing, protocol = 'ftp' }: LinkOptions = {},
): Source {
  const { name, clock, logger } = context;
  const vehicle = new Vehicle({
    transport: withTrace(transport, context),
    clock,
    signing,
    systemId: options.system_id ?? ids?.system,
    componentId: componentOf(options, ids),
    targetSystem: options.target_system,
  });
  const logs = protocol === 'ftp' ? undefined : new LogFiles({ vehicle, clock });
  const { root, max_files: maxFiles } = options;
  const shared = { device: name, maxFiles, logger };
  if (protocol === 'log' && logs) return new RemoteSource({ ...shared, root: '/', checksum: false }, logs);
  const client = new FtpClient(new FtpChannel(vehicle, clock, randomInt(0x10000)), logger);
  const strategy = new AdaptiveRead({
    ...{ clock, logger, limits: limitsOf(options) },
    measured: measure => context.measured?.(measure),
  });
  const files = new FtpFiles({ vehicle, client, strategy });
  return new RemoteSource({ ...shared, root }, logs ? new AutoFiles({ ftp: files, logs, logger }) : files);
}

const componentOf = ({ component_id: chosen }: VehicleDeviceOptions, ids: Ids | undefined): number =>
  ids && chosen === DEFAULT_COMPONENT ? ids.component : chosen;

/** `FILESYNC_TRACE=mavlink:FILE` has every frame appended to the file. */
function withTrace(transport: Transport, { env, clock, logger }: DeviceContext): Transport {
  const [, file] = /^mavlink:(.+)$/s.exec(env['FILESYNC_TRACE'] ?? '') ?? [];
  return file === undefined ? transport : tracedTransport(transport, new FrameTrace(file, clock, logger));
}

const limitsOf = ({ max_rate, max_in_flight }: VehicleDeviceOptions) => ({
  rate: max_rate ?? Infinity,
  inFlight: max_in_flight,
});
