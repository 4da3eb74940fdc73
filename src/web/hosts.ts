import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * The names and addresses by which this server may be asked. A page of others can let a name of its own lead to this machine (DNS
 * rebinding), and would be of the same origin then: only the header Host tells the difference.
 */
export class KnownHosts {
  readonly #names: ReadonlySet<string>;

  /** `hosts`: as the configuration names them. */
  constructor(hostname: string, hosts: readonly string[]) {
    const own = hostname.toLowerCase();
    const [short = own] = own.split('.', 1);
    const named = hosts.map(host => plainHost(host));
    this.#names = new Set(['localhost', own, short, `${short}.local`, ...named].filter(Boolean));
  }

  /** The address that the client has connected to is known, too. */
  isKnown({ headers, socket }: IncomingMessage): boolean {
    const host = hostOf(headers.host ?? '');
    if (host === undefined) return false;
    return this.#names.has(host) || host === plainHost(socket.localAddress ?? '');
  }
}

/** Without the port, in the form that is compared; undefined if it is no host (RFC 9112 section 3.2). */
function hostOf(header: string): string | undefined {
  const [, v6, other] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/\s]+))(?::\d{1,5})?$/i.exec(header) ?? [];
  const host = v6 ?? other;
  return host === undefined ? undefined : plainHost(host);
}

/** Lower case, without a final dot; an IPv4 address in IPv6 as IPv4, an IPv6 address in its shortest form (RFC 5952). */
export function plainHost(host: string): string {
  const bare = host.toLowerCase().replace(/%.*$/, '').replace(/\.$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
}
