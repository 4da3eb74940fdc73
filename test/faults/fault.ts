import { createHash } from 'node:crypto';

/** Everything that befalls a link. What each means is said where it is done: `tcp-proxy.ts`, `udp-proxy.ts`. */
export const FAULTS = ['drop', 'stall', 'cut', 'corrupt', 'throttle'] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Equal seeds strike equal traffic at equal places. */
  readonly seed: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Stands between a device and what it talks to. */
export interface FaultProxy {
  /** How often the fault has struck. */
  readonly struck: number;
  /** One more loopback port that leads to an address; gives its number. */
  open(to: Address): Promise<number>;
  close(): Promise<void>;
}

/** Numbers in [0, 1) that only the seed decides. */
export function luckOf(seed: number): () => number {
  let draws = 0;
  return () => createHash('sha256').update(`${seed}:${draws++}`).digest().readUInt32BE() / 2 ** 32;
}

/** The same bytes but for one. */
export function corrupted(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x20;
  return copy;
}
