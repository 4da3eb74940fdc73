import { isIPv6 } from 'node:net';
import type { WebConfig } from '../config/web.js';

/** Where people find the page, such as `http://127.0.0.1:8474/`; `hostname`: of this machine. */
export function addressText({ listen, tls }: Pick<WebConfig, 'listen' | 'tls'>, hostname: string): string {
  const { address, port } = listen;
  const isEverywhere = address === '0.0.0.0' || address === '::';
  const host = isEverywhere ? hostname : isIPv6(address) ? `[${address}]` : address;
  return new URL(`${tls ? 'https' : 'http'}://${host}:${port}/`).href;
}
