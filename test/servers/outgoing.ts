import type { ByteStream, Outgoing, WriteEvents } from '../../src/ports.js';
import { checksumOf } from '../conformance/support.js';

const CHUNK = 16_384;

/** A file on its way, from memory. */
export function outgoing(bytes: Uint8Array, over: Partial<Outgoing> = {}): Outgoing {
  return {
    source: { path: 'sess001/log001.ulg', size: bytes.length },
    device: 'autopilot',
    token: 'token0000001',
    sha256: checksumOf('sha256', bytes).value,
    description: 'a flight',
    open: offset => chunks(bytes, offset),
    render: template => template.replaceAll('{description}', 'a flight'),
    ...over,
  };
}

export async function* chunks(bytes: Uint8Array, offset = 0): ByteStream {
  for (let at = offset; at < bytes.length; at += CHUNK) yield bytes.slice(at, at + CHUNK);
}

/** Counts what the writer tells. */
export class Events implements WriteEvents {
  sent = 0;
  commits = 0;

  progress(bytes: number): void {
    this.sent = bytes;
  }

  async committing(): Promise<void> {
    this.commits++;
  }
}

export const never = new AbortController().signal;
