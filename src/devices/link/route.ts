import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../ports.js';
import { withinTime } from '../../system/deadline.js';

const LOOKUP_TIMEOUT_MS = 5_000;
/** Addresses are looked up again after that. */
const LOOKUP_INTERVAL_MS = 60_000;
const RETRY_INTERVAL_MS = 5_000;
/** Nothing is sent to it. */
const ANY_PORT = 9;

/** The network interfaces through which a host is reached, as the kernel's routing tables are now. */
export class Route {
  readonly #host: string;
  readonly #clock: Clock;
  #addresses: readonly string[];
  /** Monotonic ms. */
  #lookUpAt = -Infinity;

  constructor(host: string, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    this.#addresses = isIP(host) ? [host] : [];
  }

  /** Their names, of each address of the host to which there is a route. */
  async interfaces(): Promise<readonly string[]> {
    if (!isIP(this.#host)) await this.#lookUp();
    const found = await Promise.all(this.#addresses.map(interfaceTo));
    return [...new Set(found.filter(name => name !== undefined))];
  }

  /** Addresses that were known stay in use when the name server does not answer. */
  async #lookUp(): Promise<void> {
    if (this.#clock.monotonic() < this.#lookUpAt) return;
    const asked = lookup(this.#host, { all: true }).catch(() => []);
    const found = (await withinTime(asked, { ms: LOOKUP_TIMEOUT_MS })) ?? [];
    if (found.length > 0) this.#addresses = found.map(({ address }) => address);
    const interval = found.length > 0 ? LOOKUP_INTERVAL_MS : RETRY_INTERVAL_MS;
    this.#lookUpAt = this.#clock.monotonic() + interval;
  }
}

/**
 * Connecting a UDP socket sends nothing, and makes the kernel choose the route with all its rules (udp(7)). The address that the
 * socket gets belongs to the interface.
 */
async function interfaceTo(address: string): Promise<string | undefined> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(ANY_PORT, address, resolve);
    });
    return interfaceWith(socket.address().address);
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

function interfaceWith(own: string): string | undefined {
  const plain = own.replace(/%.*$/, '');
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ address }) => address === plain),
  );
  return found?.[0];
}
