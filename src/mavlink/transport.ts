import type { Transport } from './link.js';
import { serialTransport } from './serial.js';
import { tcpTransport } from './tcp.js';
import type { PeerOptions } from './udp-peer.js';
import { udpTransport } from './udp.js';
import type { LinkAddress } from './url.js';

/** The transport to an address; nothing is opened yet. */
export function transportTo(address: LinkAddress, options: PeerOptions): Transport {
  if (address.kind === 'udp') return udpTransport({ ...address, ...options });
  return address.kind === 'tcp' ? tcpTransport(address) : serialTransport(address);
}
