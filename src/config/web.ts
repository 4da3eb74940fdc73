import { BlockList, isIP, isIPv6 } from 'node:net';
import * as z from 'zod';
import type { ConfigPlace } from './issues.js';
import { secret } from './options.js';

/** What the holder of a token may do: each scope on its own, none includes another. */
export const SCOPES = ['read', 'operate', 'metrics'] as const;
export type Scope = (typeof SCOPES)[number];

/** What `filesync password` prints, in the PHC string format: parameters of scrypt (RFC 7914), salt and hash in base64. */
export const PASSWORD_HASH =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{43,86})$/;
/** What `filesync password --token` prints. */
export const TOKEN_HASH = /^sha256:[0-9a-f]{64}$/;

const DEFAULT_LISTEN = '127.0.0.1:8474';
const MAX_PORT = 65_535;
const NOT_LISTEN =
  'must be an address of this machine and a port, in quotes: "127.0.0.1:8474", "[::1]:8474", or "0.0.0.0:8474" for the whole network';
const NOT_A_HOST = 'must be a name or address without a port, like drone1.example.org';
const NOT_A_HASH =
  'must be what `filesync password` prints, or { file: PATH } or { env: NAME } that holds it';
const NOT_A_TOKEN = 'must be what `filesync password --token NAME` prints: sha256:…';

/** Where the page is served. */
export interface ListenAddress {
  /** An IP address. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
}

const listenAddress = () =>
  z
    .union([z.string(), z.number()], { error: NOT_LISTEN })
    .transform((value, context): ListenAddress => {
      const found = parseListen(String(value));
      if (found) return found;
      context.addIssue({ code: 'custom', message: NOT_LISTEN });
      return z.NEVER;
    })
    .meta({ title: 'address and port in quotes' });

function parseListen(text: string): ListenAddress | undefined {
  const [, v6, other, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = v6 ?? (other === 'localhost' ? '127.0.0.1' : other);
  const port = Number(digits);
  const isAddress = address !== undefined && isIP(address) === (v6 === undefined ? 4 : 6);
  return isAddress && port <= MAX_PORT ? { address, port } : undefined;
}

/** Names of RFC 1123 section 2.1, and addresses. */
const hostName = () =>
  z.string().refine(text => isIP(text) !== 0 || /^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i.test(text), {
    error: NOT_A_HOST,
  });

const tokenSchema = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, { error: 'must be made of up to 64 letters, digits, _ . and -' }),
  hash: z.string().regex(TOKEN_HASH, { error: NOT_A_TOKEN }),
  scopes: z.array(z.enum(SCOPES)).min(1),
});

const path = () => z.string().min(1).meta({ title: 'path' });

export const webSchema = z.strictObject({
  listen: listenAddress()
    .prefault(DEFAULT_LISTEN)
    .describe(
      'address and port of this machine: `127.0.0.1` and `[::1]` are reached from this machine alone, `0.0.0.0` and `[::]` from everywhere, which needs a `password` or a token',
    ),
  hosts: z
    .array(hostName())
    .default([])
    .describe(
      'other names by which people reach the page, such as that of a proxy; `localhost`, the addresses of this machine, its name and that with `.local` are known',
    ),
  password: secret()
    .refine(value => typeof value !== 'string' || PASSWORD_HASH.test(value), { error: NOT_A_HASH })
    .meta({ title: 'secret' })
    .optional()
    .describe(
      'hash of the password of the page, as `filesync password` prints it; without password and tokens, everybody on this machine may read and operate',
    ),
  tokens: z
    .array(tokenSchema)
    .default([])
    .describe(
      'for programs: `{ name, hash, scopes }` as `filesync password --token NAME --scopes read,operate` prints it; the scopes are `read`, `operate` and `metrics` (`/metrics` alone)',
    ),
  tls: z
    .strictObject({
      cert: path().describe('certificate with its chain, PEM'),
      key: path().describe('its private key, PEM'),
    })
    .optional()
    .describe('serves `https:`; changed files are read again on `systemctl reload filesync` (SIGHUP)'),
});

export type WebConfig = z.output<typeof webSchema>;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine reaches that address. */
export const isLoopback = (address: string): boolean =>
  LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** What concerns several keys. */
export function checkWeb({ listen, hosts, password, tokens }: WebConfig, place: ConfigPlace): void {
  for (const [index, { name }] of tokens.entries())
    if (tokens.findIndex(other => other.name === name) < index)
      place.at('tokens', index, 'name').error(`another token is named ${name}; give each its own name`);
  if (password !== undefined || tokens.length > 0) return;
  if (!isLoopback(listen.address))
    place
      .at('listen')
      .error(
        'everybody in the network could read and operate: run `filesync password` and name what it prints as web.password, or listen on 127.0.0.1',
      );
  else if (hosts.length > 0)
    place
      .at('hosts')
      .warn(
        'everybody who reaches the page through a proxy of these names may read and operate, since there is no password; `filesync password` makes one',
      );
}
