import { isIPv6 } from 'node:net';
import type { DeviceContext } from '../../config/definition.js';
import { masked } from '../../system/masked.js';
import { SftpConnections, SftpPool } from './connections.js';
import { loginOf } from './login.js';
import type { SftpOptions } from './options.js';
import { SftpSource } from './source.js';
import { SftpTarget, type SftpPlace } from './target.js';

/** Each probe is a request on a kept connection, or a login. */
const PROBE_INTERVAL_MS = 30_000;

export function sftpSource(options: SftpOptions, context: DeviceContext): SftpSource {
  const { clock, logger } = context;
  const tools = { clock, logger, interval: PROBE_INTERVAL_MS, maxFiles: options.max_files };
  return new SftpSource(placeOf(options, context), connect(options, context), tools);
}

export function sftpTarget(options: SftpOptions, context: DeviceContext): SftpTarget {
  const polling = { clock: context.clock, random: context.random, interval: PROBE_INTERVAL_MS };
  return new SftpTarget(placeOf(options, context), connect(options, context), polling);
}

function placeOf(options: SftpOptions, { name }: DeviceContext): SftpPlace {
  const { host, root } = options;
  return { device: name, host, root, url: urlOf(options) };
}

function urlOf({ host, port }: SftpOptions): string {
  return `sftp://${isIPv6(host) ? `[${host}]` : host}${port === 22 ? '' : `:${port}`}`;
}

function connect(options: SftpOptions, context: DeviceContext): SftpConnections {
  const { host, port, user, timeout, keep_alive: keepAlive, root } = options;
  const { clock, logger, name: device } = context;
  const secrets = new Set<string>();
  const isDebug = logger.isEnabled?.('debug') ?? false;
  const session = {
    url: new URL(`sftp://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    timeout,
    keepAlive,
    root,
    clock,
    debug: isDebug ? (line: string) => logger.log('debug', masked(line, secrets)) : undefined,
    login: () => loginOf(options, context, secrets),
  };
  return new SftpConnections({ device, host, user, secrets, session }, poolOf(context));
}

const pools = new WeakMap<DeviceContext, SftpPool>();

/** Both ends of a device have one context, and share their connections. */
function poolOf(context: DeviceContext): SftpPool {
  const pool = pools.get(context) ?? new SftpPool();
  pools.set(context, pool);
  return pool;
}
