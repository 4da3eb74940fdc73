import { FileSyncError } from '../errors.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The address of a MAVLink link. */
export type LinkAddress =
  | { readonly kind: 'udp'; readonly bind: Endpoint; readonly remote?: Endpoint }
  | ({ readonly kind: 'tcp' } & Endpoint)
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number };

// The defaults of MAVROS' URLs.
const UDP_BIND_PORT = 14555;
const UDP_REMOTE_PORT = 14550;
const TCP_PORT = 5760;
const BAUD_RATE = 57600;

const FORMS =
  'udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, tcp://HOST:PORT or serial:///dev/ttyACM0:921600';

/** Reads the URL forms of MAVROS. Throws `config` with the valid forms. */
export function parseLinkUrl(url: string): LinkAddress {
  const [, scheme, rest = ''] = /^([a-z-]+):\/\/(.*)$/.exec(url) ?? [];
  if (scheme === undefined && url.startsWith('/')) return serial(url, url);
  const parse = SCHEMES.get(scheme ?? '');
  if (!parse) throw problem(url, 'is no address of a MAVLink link');
  if (rest.includes('?')) throw problem(url, 'contains ids; set system_id and component_id instead');
  return parse(rest, url);
}

type Parser = (rest: string, url: string) => LinkAddress;

const SCHEMES = new Map<string, Parser>([
  ['udp', udp],
  ['tcp', tcp],
  ['serial', serial],
]);

function udp(rest: string, url: string): LinkAddress {
  const [bind = '', remote, ...more] = rest.replace(/\/$/, '').split('@');
  if (remote === undefined || more.length > 0)
    throw problem(url, 'needs one "@" between our end and the vehicle');
  const ours = endpoint(bind, { host: '0.0.0.0', port: UDP_BIND_PORT }, url);
  if (remote === '') return { kind: 'udp', bind: ours };
  const theirs = endpoint(remote, { host: '', port: UDP_REMOTE_PORT }, url);
  if (theirs.host === '') throw problem(url, 'names a port of the vehicle but no host');
  return { kind: 'udp', bind: ours, remote: theirs };
}

function tcp(rest: string, url: string): LinkAddress {
  return { kind: 'tcp', ...endpoint(rest, { host: 'localhost', port: TCP_PORT }, url) };
}

function serial(rest: string, url: string): LinkAddress {
  const [, path, baud = String(BAUD_RATE)] = /^(\/[^:]+)(?::(\d+))?$/.exec(rest) ?? [];
  if (path === undefined || Number(baud) === 0)
    throw problem(url, 'needs a device such as /dev/ttyACM0 and a baud rate');
  return { kind: 'serial', path, baudRate: Number(baud) };
}

/** `HOST`, `HOST:PORT`, `:PORT` or nothing; an IPv6 address is in brackets. */
function endpoint(text: string, defaults: Endpoint, url: string): Endpoint {
  const [, bracketed, plain = '', digits] =
    /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]*))(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (bracketed === undefined && plain === '' && !/^(:\d+)?\/?$/.test(text)) {
    throw problem(url, `has no host and port in "${text}"`);
  }
  const port = digits === undefined ? defaults.port : Number(digits);
  if (port > 65535) throw problem(url, `has a port above 65535`);
  return { host: bracketed ?? (plain === '' ? defaults.host : plain), port };
}

function problem(url: string, what: string): FileSyncError {
  return new FileSyncError('config', `${url} ${what}; write it like ${FORMS}`);
}
