import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import type { AccessOptions } from 'basic-ftp';
import { z } from 'zod';
import { duration, secret } from '../config/options.js';
import { defineDevice, type DeviceContext } from '../config/definition.js';
import { FtpConnections } from './ftp/connections.js';
import { toWire } from './ftp/names.js';
import { FtpSource } from './ftp/source.js';
import { FtpTarget, type FtpPlace } from './ftp/target.js';
import { readCa, tlsOptions } from './network.js';

const options = z.object({
  host: z
    .string()
    .regex(/^[^\s/]+$/, 'a name or an address alone, without ftp:// and without a folder')
    .describe('name or address of the server'),
  port: z.int().min(1).max(65535).optional().describe('default 21, with implicit TLS 990'),
  user: z.string().min(1).default('anonymous').describe('name to log in with'),
  password: secret().optional().describe('from a variable or a file: { env: NAME } or { file: PATH }'),
  tls: z
    .union([z.boolean(), z.literal('implicit')])
    .default(false)
    .describe('true: encrypted, from AUTH TLS on; implicit: encrypted from the first byte (an older way)'),
  ...tlsOptions,
  tls_servername: z
    .string()
    .min(1)
    .optional()
    .describe("name that the server's certificate must carry (default: host)"),
  root: z.string().default('/').describe('folder on the server; as a target it is made if it is missing'),
  timeout: duration().default(30_000).describe('silence after which the server counts as gone'),
});
type Options = z.output<typeof options>;

/** What a server without accounts expects as password: something like an address. */
const ANONYMOUS = 'filesync@';

/** ms between two probes; each is a command on a kept connection, or a login. */
const POLL = 30_000;

export const ftp = defineDevice({
  type: 'ftp',
  summary: 'Source and target: an FTP server, plain or encrypted (FTPS)',
  tellsSpace: false,
  options,
  source: (options, context) => {
    const { clock, logger } = context;
    return new FtpSource(placeOf(options, context), connect(options, context), {
      clock,
      logger,
      interval: POLL,
    });
  },
  target: (options, context) => {
    const { clock } = context;
    return new FtpTarget(placeOf(options, context), connect(options, context), { clock, interval: POLL });
  },
});

function placeOf({ host, root, port, tls }: Options, { name }: DeviceContext): FtpPlace {
  const scheme = tls === 'implicit' ? 'ftps' : 'ftp';
  const at = port === undefined ? '' : `:${port}`;
  const url = `${scheme}://${isIPv6(host) ? `[${host}]` : host}${at}`;
  return { device: name, host, root: posix.resolve('/', root), url };
}

function connect(options: Options, context: DeviceContext): FtpConnections {
  const { host, timeout, tls } = options;
  const secrets = new Set<string>();
  return new FtpConnections({
    device: context.name,
    host,
    secrets,
    login: {
      secure: tls,
      timeout,
      clock: context.clock,
      manners: { together: true },
      access: () => accessOf(options, context, secrets),
    },
  });
}

/** Reads password and certificate, at each login: both may be renewed while the program runs. */
async function accessOf(
  options: Options,
  context: DeviceContext,
  secrets: Set<string>,
): Promise<AccessOptions> {
  const { host, user, tls, tls_servername: servername } = options;
  const ca = await readCa(options.tls_ca, context);
  const password = options.password === undefined ? ANONYMOUS : context.secret(options.password);
  secrets.add(password);
  return {
    host,
    port: options.port ?? (tls === 'implicit' ? 990 : 21),
    user: toWire(user),
    password: toWire(password),
    secure: tls,
    secureOptions: { ...(ca && { ca }), ...(servername && { servername }) },
  };
}
