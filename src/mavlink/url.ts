import { FileSyncError } from '../errors.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Component id of this program by default: MAV_COMP_ID_ONBOARD_COMPUTER4; ground stations and MAVROS have other ids. */
export const DEFAULT_COMPONENT = 194;

/** MAVLink ids of this program, as MAVROS' addresses may name them. */
export interface Ids {
  readonly system: number;
  readonly component: number;
}

/** The address of a MAVLink link. */
export type LinkAddress = { readonly ids?: Ids } & (
  | {
      readonly kind: 'udp';
      readonly bind: Endpoint;
      readonly remote?: Endpoint;
      /** Sent to all hosts of the network: until the vehicle is heard, or always. */
      readonly broadcast?: Broadcast;
    }
  | ({ readonly kind: 'tcp' } & Endpoint)
  | ({ readonly kind: 'tcp-l' } & Endpoint)
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number; readonly rtscts?: true }
);

export interface Broadcast {
  readonly port: number;
  readonly always: boolean;
}

// The defaults of MAVROS' URLs.
const UDP_BIND_PORT = 14555;
const UDP_REMOTE_PORT = 14550;
const TCP_PORT = 5760;
const BAUD_RATE = 57600;
const ANY_HOST = '0.0.0.0';

const FORMS =
  'udp://BIND_HOST:PORT@ (the vehicle sends here), udp://BIND_HOST:PORT@HOST:PORT, udp-b://:PORT@:PORT or udp-pb:// (broadcast), tcp://HOST:PORT, tcp-l://:PORT (the vehicle connects), serial:///dev/ttyACM0:921600 or serial-hwfc:// (flow control), each with ?ids=SYSTEM,COMPONENT if needed';

/** Reads the URL forms of MAVROS. Throws `config` with the valid forms. */
export function parseLinkUrl(url: string): LinkAddress {
  const [, scheme, rest = ''] = /^([a-z-]+):\/\/(.*)$/.exec(url) ?? [];
  if (scheme === undefined && url.startsWith('/')) return withIds(serial, url, url);
  const parse = SCHEMES.get(scheme ?? '');
  if (!parse) throw problem(url, 'is no address of a MAVLink link');
  return withIds(parse, rest, url);
}

type Parser = (rest: string, url: string) => LinkAddress;

const SCHEMES = new Map<string, Parser>([
  ['udp', udp],
  ['udp-b', (rest, url) => broadcast(rest, url, false)],
  ['udp-pb', (rest, url) => broadcast(rest, url, true)],
  ['tcp', (rest, url) => ({ kind: 'tcp', ...endpoint(rest, { host: 'localhost', port: TCP_PORT }, url) })],
  ['tcp-l', (rest, url) => ({ kind: 'tcp-l', ...endpoint(rest, { host: ANY_HOST, port: TCP_PORT }, url) })],
  ['serial', serial],
  ['serial-hwfc', (rest, url) => ({ ...serial(rest, url), rtscts: true })],
]);

/** Reads the `?ids=SYSTEM,COMPONENT` at the end, if there is one. */
function withIds(parse: Parser, text: string, url: string): LinkAddress {
  const [rest = '', query, ...more] = text.split('?');
  if (query === undefined) return parse(rest, url);
  const [, system, component] = /^ids=(\d{1,3}),(\d{1,3})$/.exec(query) ?? [];
  const ids = { system: Number(system), component: Number(component) };
  const valid = Object.values(ids).every(id => id >= 1 && id <= 255);
  if (!valid || more.length > 0)
    throw problem(url, 'has something else than ?ids=SYSTEM,COMPONENT at its end');
  return { ...parse(rest, url), ids };
}

function udp(rest: string, url: string): LinkAddress & { readonly kind: 'udp' } {
  const [bind = '', remote, ...more] = rest.replace(/\/$/, '').split('@');
  if (remote === undefined || more.length > 0)
    throw problem(url, 'needs one "@" between our end and the vehicle');
  const ours = endpoint(bind, { host: ANY_HOST, port: UDP_BIND_PORT }, url);
  if (remote === '') return { kind: 'udp', bind: ours };
  const theirs = endpoint(remote, { host: '', port: UDP_REMOTE_PORT }, url);
  if (theirs.host === '') throw problem(url, 'names a port of the vehicle but no host');
  return { kind: 'udp', bind: ours, remote: theirs };
}

/** Only the port behind the "@" counts. */
function broadcast(rest: string, url: string, always: boolean): LinkAddress {
  const [bind = '', remote = '', ...more] = rest.replace(/\/$/, '').split('@');
  if (!rest.includes('@') || more.length > 0) throw problem(url, 'needs one "@" before the port to send to');
  const ours = endpoint(bind, { host: ANY_HOST, port: UDP_BIND_PORT }, url);
  const { port } = endpoint(remote, { host: '', port: UDP_REMOTE_PORT }, url);
  return { kind: 'udp', bind: ours, broadcast: { port, always } };
}

/** The names that udev makes of the place of a port in the machine hold colons. */
function serial(rest: string, url: string): LinkAddress & { readonly kind: 'serial' } {
  const form = /^(\/dev\/serial\/by-(?:path|id)\/.+?|\/[^:]+)(?::(\d+))?$/;
  const [, path, baud = String(BAUD_RATE)] = form.exec(rest) ?? [];
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
