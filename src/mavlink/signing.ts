import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../ports.js';
import { SIGNATURE_LENGTH, type Frame } from './frame.js';

const TIME_LENGTH = 6;
const HASH_LENGTH = 6;
/** Timestamps count units of 10 µs since 2015. */
const EPOCH_MS = Date.UTC(2015, 0, 1);
const UNITS_PER_MS = 100;
/** Units by which the first frame of a stream may be older than what was heard last: one minute. */
const MAX_AGE_UNITS = 60_000 * UNITS_PER_MS;
/** Units that are reserved on disk ahead of the timestamps in use. */
const RESERVED_UNITS = 60_000 * UNITS_PER_MS;
/** Streams (system, component, link id) whose last timestamps are remembered. */
const MAX_STREAMS = 256;

/** Remembers across restarts which timestamps may have been used. */
export interface TimestampStore {
  /** 0 if nothing is known. */
  load(): Promise<number>;
  save(timestamp: number): Promise<void>;
}

export interface SigningOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly linkId: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly store?: TimestampStore | undefined;
}

/** What the signature of a frame proves; `replayed`: it is older than one of the same stream. */
export type SignatureVerdict = 'valid' | 'unsigned' | 'wrong key' | 'replayed';

/** The key from what a person wrote: 64 hex digits are the key itself, any other text is a passphrase (SHA-256), as in ground stations. */
export function keyFrom(text: string): Uint8Array {
  return /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : createHash('sha256').update(text).digest();
}

/** Signs frames and verifies signatures. Timestamps never go back, not even after a restart with a wrong clock. */
export class Signing {
  readonly #options: SigningOptions;
  /** Last timestamp by stream. */
  readonly #streams = new Map<string, number>();
  #timestamp = 0;
  #reserved = 0;
  #saving: Promise<void> | undefined;

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /** To be called before the first signature. Rejects if the store cannot be read or written. */
  async open(): Promise<void> {
    this.#timestamp = Math.max(this.#timestamp, (await this.#options.store?.load()) ?? 0);
    await this.#reserve();
  }

  /** Saves the last timestamp, so that the next run begins right after it. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#options.store?.save(this.#timestamp);
  }

  /** The signature of a frame's bytes from the start to the checksum. */
  sign(bytes: Uint8Array): Uint8Array {
    this.#timestamp = Math.max(this.#timestamp + 1, this.#now);
    if (this.#timestamp > this.#reserved - RESERVED_UNITS / 2) void this.#reserve().catch(() => undefined);
    const signature = Buffer.alloc(SIGNATURE_LENGTH);
    signature[0] = this.#options.linkId;
    signature.writeUIntLE(this.#timestamp, 1, TIME_LENGTH);
    signature.set(this.#hash(bytes, signature), 1 + TIME_LENGTH);
    return signature;
  }

  verify({ signed, system, component }: Frame): SignatureVerdict {
    if (!signed) return 'unsigned';
    const end = signed.length - SIGNATURE_LENGTH;
    const signature = Buffer.from(signed.buffer, signed.byteOffset + end, SIGNATURE_LENGTH);
    const hash = this.#hash(signed.subarray(0, end), signature);
    if (!timingSafeEqual(hash, signature.subarray(1 + TIME_LENGTH))) return 'wrong key';
    const timestamp = signature.readUIntLE(1, TIME_LENGTH);
    const stream = `${system} ${component} ${signature[0]}`;
    const last = this.#streams.get(stream) ?? Math.max(this.#timestamp, this.#now) - MAX_AGE_UNITS - 1;
    if (timestamp <= last) return 'replayed';
    if (this.#streams.size >= MAX_STREAMS && !this.#streams.has(stream)) return 'replayed';
    this.#streams.set(stream, timestamp);
    this.#timestamp = Math.max(this.#timestamp, timestamp);
    return 'valid';
  }

  get #now(): number {
    return Math.max(0, Math.floor((this.#options.clock.now() - EPOCH_MS) * UNITS_PER_MS));
  }

  #hash(bytes: Uint8Array, signature: Buffer): Buffer {
    const hash = createHash('sha256').update(this.#options.key).update(bytes);
    return hash
      .update(signature.subarray(0, 1 + TIME_LENGTH))
      .digest()
      .subarray(0, HASH_LENGTH);
  }

  /** One at a time: timestamps are used up far more slowly than a disk writes. */
  #reserve(): Promise<void> {
    const { store } = this.#options;
    this.#saving ??= (async () => {
      this.#reserved = Math.max(this.#timestamp, this.#now) + RESERVED_UNITS;
      await store?.save(this.#reserved);
    })().finally(() => (this.#saving = undefined));
    return this.#saving;
  }
}
