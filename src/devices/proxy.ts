import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, type Socket } from 'node:net';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An HTTP or SOCKS proxy. */
export interface Proxy {
  readonly url: URL;
  /** The version of SOCKS; absent: it is an HTTP proxy. */
  readonly socks?: 4 | 5;
  /** Host and environment variable, for messages: never the whole address, which may hold a password. */
  readonly title: string;
  /** Header Proxy-Authorization, if the address holds a user. */
  readonly authorization?: string;
  /** What no message may contain. */
  readonly secrets: readonly string[];
}

/** The server could not be reached through the proxy. `message` is a sentence's end after the server's name. */
export class ProxyError extends Error {}

/**
 * The proxy that the environment names for that address: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, except for hosts in
 * NO_PROXY; lower-case names come first. As in Go, connections to this machine never use a proxy.
 * Throws a `ProxyError` if the variable is not the URL of a proxy.
 */
export function proxyFor(target: URL, env: Environment): Proxy | undefined {
  const host = bareHost(target);
  if (isLoopback(host) || isExempt(host, portOf(target), valueOf('no_proxy', env)?.text ?? ''))
    return undefined;
  const named = valueOf(target.protocol === 'https:' ? 'https_proxy' : 'http_proxy', env);
  const chosen = named ?? valueOf('all_proxy', env);
  return chosen && parse(chosen.text, chosen.name);
}

interface Variable {
  readonly name: string;
  readonly text: string;
}

function valueOf(name: string, env: Environment): Variable | undefined {
  const found = [name, name.toUpperCase()].find(each => env[each]);
  return found === undefined ? undefined : { name: found, text: env[found] ?? '' };
}

/** By the protocol of the URL. */
const KINDS: Readonly<Record<string, Pick<Proxy, 'socks'>>> = {
  'http:': {},
  'https:': {},
  'socks:': { socks: 5 },
  'socks4:': { socks: 4 },
  'socks4a:': { socks: 4 },
  'socks5:': { socks: 5 },
  'socks5h:': { socks: 5 },
};

function parse(text: string, variable: string): Proxy {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const kind = url && KINDS[url.protocol];
  if (!url || !kind) {
    const message = `cannot be reached: the environment variable ${variable} is not the URL of a proxy; set it to one like http://proxy.example.org:3128 or socks5h://127.0.0.1:1080, or unset it`;
    throw new ProxyError(message);
  }
  const title = `the proxy ${url.host} (from ${variable})`;
  if (url.username === '') return { url, title, secrets: [], ...kind };
  const password = unescaped(url.password);
  const login = Buffer.from(`${unescaped(url.username)}:${password}`).toString('base64');
  return { url, title, authorization: `Basic ${login}`, secrets: [login, password, url.password], ...kind };
}

/** A password with a `%` in it is often not escaped. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Without the brackets of an IPv6 address. */
export const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

const portOf = (url: URL): number => Number(url.port) || (url.protocol === 'https:' ? 443 : 80);

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether the host is this machine. */
export function isLoopback(host: string): boolean {
  if (isIP(host)) return LOOPBACK.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
  return host === 'localhost' || host.endsWith('.localhost');
}

/** NO_PROXY lists names (and their subdomains), addresses and networks (10.0.0.0/8), each with an optional port, or `*`. */
function isExempt(host: string, port: number, list: string): boolean {
  const entries = list
    .toLowerCase()
    .split(/[,\s]+/)
    .filter(Boolean);
  return entries.some(entry => {
    const [, name = entry, onlyPort] = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry) ?? [];
    return (
      (onlyPort === undefined || Number(onlyPort) === port) && covers(name.replace(/^\[|\]$/g, ''), host)
    );
  });
}

function covers(entry: string, host: string): boolean {
  if (entry === '*') return true;
  if (isIP(host)) return entry === host || inNetwork(entry, host);
  const name = entry.replace(/^\*?\./, '');
  return host === name || host.endsWith(`.${name}`);
}

function inNetwork(entry: string, host: string): boolean {
  const [address = '', bits] = entry.split('/');
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (bits === undefined || !isIP(address) || !(Number(bits) <= (family === 'ipv4' ? 32 : 128))) return false;
  const network = new BlockList();
  network.addSubnet(address, Number(bits), family);
  return network.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}

/** Asks the proxy at the other end of `socket` for a tunnel to the target (CONNECT, RFC 9110 section 9.3.6). */
export async function openTunnel(
  socket: Socket,
  target: URL,
  { title, authorization }: Proxy,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${target.hostname}:${portOf(target)}`;
  const headers = { Host: authority, ...(authorization && { 'Proxy-Authorization': authorization }) };
  const connecting = request({
    method: 'CONNECT',
    path: authority,
    headers,
    createConnection: () => socket,
  }).end();
  // After an abort no other listener is left.
  connecting.on('error', () => undefined);
  const [answer, tunnel, head] = await connected(connecting, signal);
  if (answer.statusCode !== 200) throw refusal(answer, title);
  if (head.length > 0) tunnel.unshift(head);
  return tunnel;
}

const SOCKS_PORT = 1080;

/** Asks the SOCKS proxy at the other end of `socket` for a connection to the target, whose name it looks up. */
export async function openSocks(socket: Socket, target: URL, proxy: Proxy, timeout: number): Promise<Socket> {
  const { url, socks = 5, title } = proxy;
  const { SocksClient } = await import('socks');
  const login = url.username && { userId: unescaped(url.username), password: unescaped(url.password) };
  try {
    const { socket: tunnel } = await SocksClient.createConnection({
      proxy: { host: bareHost(url), port: proxyPort(url), type: socks, ...login },
      command: 'connect',
      destination: { host: bareHost(target), port: portOf(target) },
      existing_socket: socket,
      timeout,
    });
    return tunnel;
  } catch (error) {
    const said = error instanceof Error ? error.message.slice(0, 100) : '';
    throw new ProxyError(`cannot be reached: ${title} answered "${said}"; ${UNREACHABLE}`);
  }
}

/** Of the proxy itself. */
export const proxyPort = (url: URL): number =>
  Number(url.port) || (url.protocol.startsWith('socks') ? SOCKS_PORT : portOf(url));

async function connected(
  connecting: ClientRequest,
  signal: AbortSignal,
): Promise<[IncomingMessage, Socket, Buffer]> {
  return (await once(connecting, 'connect', { signal })) as [IncomingMessage, Socket, Buffer];
}

function refusal({ statusCode = 0 }: IncomingMessage, title: string): ProxyError {
  return new ProxyError(
    `cannot be reached: ${title} answered ${statusCode}, ${REASONS[statusCode] ?? UNREACHABLE}`,
  );
}

export const PROXY_LOGIN =
  'it requires a login: put user and password into the variable, as http://USER:PASSWORD@HOST:PORT';
const UNREACHABLE =
  'it cannot reach the server: check the address and the proxy, or add the host to NO_PROXY';
const FORBIDDEN = 'it forbids that host: have the host allowed, or add it to NO_PROXY';
const REASONS: Readonly<Record<number, string>> = { 403: FORBIDDEN, 405: FORBIDDEN, 407: PROXY_LOGIN };
