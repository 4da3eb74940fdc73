import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import type { AccessOptions } from 'basic-ftp';
import type { DeviceContext } from '../../config/definition.js';
import { readTls } from '../tls-options.js';
import { masked } from '../../system/masked.js';
import { maskedMessage } from '../server-words.js';
import { admissionTo } from './admission.js';
import { FtpConnections, type ConnectionSettings } from './connections.js';
import { toWire } from './names.js';
import type { FtpOptions } from './options.js';
import { FtpPool } from './pool.js';
import { FtpSource } from './source.js';
import { FtpTarget, type FtpPlace } from './target.js';

/** For a server without accounts, which expects something like an e-mail address. */
const ANONYMOUS_PASSWORD = 'filesync@';

/** Each probe is a command on a kept connection, or a login. */
const PROBE_INTERVAL_MS = 30_000;

export function ftpSource(options: FtpOptions, context: DeviceContext): FtpSource {
  const { clock, logger } = context;
  const secrets = new Set<string>();
  const connections = connect(options, context, secrets);
  return new FtpSource(placeOf(options, context), connections, {
    clock,
    logger: { log: (level, text) => logger.log(level, maskedMessage(text, secrets)) },
    interval: PROBE_INTERVAL_MS,
    maxFiles: options.max_files,
  });
}

export function ftpTarget(options: FtpOptions, context: DeviceContext): FtpTarget {
  const { clock, random } = context;
  return new FtpTarget(placeOf(options, context), connect(options, context), {
    clock,
    random,
    interval: PROBE_INTERVAL_MS,
  });
}

function placeOf({ host, root, port, tls }: FtpOptions, { name }: DeviceContext): FtpPlace {
  const scheme = tls === 'implicit' ? 'ftps' : 'ftp';
  const at = port === undefined ? '' : `:${port}`;
  const url = `${scheme}://${isIPv6(host) ? `[${host}]` : host}${at}`;
  return { device: name, host, root: posix.resolve('/', root), url };
}

function connect(options: FtpOptions, context: DeviceContext, secrets = new Set<string>()): FtpConnections {
  const { host, timeout, tls } = options;
  const { logger } = context;
  const settings: ConnectionSettings = {
    device: context.name,
    host,
    secrets,
    login: {
      secure: tls,
      timeout,
      clock: context.clock,
      features: { pipeline: true },
      debug: line => {
        if (logger.isEnabled?.('debug') ?? true) logger.log('debug', masked(line, secrets));
      },
      access: () => accessOf(options, context, secrets),
    },
  };
  return new FtpConnections(settings, poolOf(options, context));
}

const pools = new WeakMap<DeviceContext, FtpPool>();

/** Both ends of a device have one context, and share their connections. */
function poolOf({ host, port }: FtpOptions, context: DeviceContext): FtpPool {
  const known = pools.get(context) ?? new FtpPool(admissionTo(`${host}:${port}`, context.clock));
  pools.set(context, known);
  return known;
}

/** Read at each login: password and certificate may be renewed while the program runs. */
async function accessOf(
  options: FtpOptions,
  context: DeviceContext,
  secrets: Set<string>,
): Promise<AccessOptions> {
  const { host, user, tls, tls_servername: servername } = options;
  const material = await readTls(options, context);
  const password = options.password === undefined ? ANONYMOUS_PASSWORD : context.secret(options.password);
  secrets.add(password);
  return {
    host,
    port: options.port ?? (tls === 'implicit' ? 990 : 21),
    user: toWire(user),
    password: toWire(password),
    secure: tls,
    secureOptions: { ...material, ...(servername && { servername }) },
  };
}
