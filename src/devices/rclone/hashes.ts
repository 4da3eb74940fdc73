import { createHash, type Hash } from 'node:crypto';

/** A hash of a remote that is being computed, of bytes in their order. */
export interface RemoteDigest {
  update(chunk: Uint8Array): void;
  /** Lower-case hex, as rclone shows it. Called once, at the end. */
  hex(): string;
}

/** By the names that rclone has for them (`rclone hashsum`), the best first. */
const DIGESTS: Readonly<Record<string, () => RemoteDigest>> = {
  sha256: () => plain(createHash('sha256')),
  dropbox: () => new DropboxDigest(),
  sha1: () => plain(createHash('sha1')),
  md5: () => plain(createHash('md5')),
  quickxor: () => new QuickXorDigest(),
};

/** The hash to compare files by, among those that a remote reports; undefined if none of them is known here. */
export const hashAmong = (names: readonly string[]): string | undefined =>
  Object.keys(DIGESTS).find(name => names.includes(name));

export function newRemoteDigest(name: string): RemoteDigest {
  const make = DIGESTS[name];
  if (!make) throw new Error(`unknown hash ${name}`);
  return make();
}

function plain(hash: Hash): RemoteDigest {
  return { update: chunk => void hash.update(chunk), hex: () => hash.digest('hex') };
}

const DROPBOX_BLOCK_BYTES = 4 * 1024 * 1024;

/** SHA-256 of the SHA-256 of each block of 4 MiB (https://www.dropbox.com/developers/reference/content-hash). */
class DropboxDigest implements RemoteDigest {
  readonly #whole = createHash('sha256');
  #block = createHash('sha256');
  #held = 0;

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + DROPBOX_BLOCK_BYTES - this.#held);
      this.#block.update(piece);
      this.#held += piece.length;
      at += piece.length;
      if (this.#held === DROPBOX_BLOCK_BYTES) this.#endBlock();
    }
  }

  hex(): string {
    if (this.#held > 0) this.#endBlock();
    return this.#whole.digest('hex');
  }

  #endBlock(): void {
    this.#whole.update(this.#block.digest());
    this.#block = createHash('sha256');
    this.#held = 0;
  }
}

/** Bits by which each byte is shifted against the one before, and those of the result. */
const [SHIFT, WIDTH] = [11, 160];
const LENGTH_AT = 12;

/**
 * QuickXorHash of OneDrive (https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash): bytes are combined by XOR,
 * each rotated by 11 bits more than the one before; at the end the length. Every 1,760 bytes the rotation is the same again.
 */
class QuickXorDigest implements RemoteDigest {
  readonly #sums = new Uint8Array(SHIFT * WIDTH);
  #length = 0;

  update(chunk: Uint8Array): void {
    const sums = this.#sums;
    let at = this.#length % sums.length;
    for (const byte of chunk) {
      sums[at] = (sums[at] ?? 0) ^ byte;
      if (++at === sums.length) at = 0;
    }
    this.#length += chunk.length;
  }

  hex(): string {
    const bytes = Buffer.alloc(WIDTH / 8);
    const add = (at: number, bits: number): void => {
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ bits;
    };
    for (const [index, sum] of this.#sums.entries()) {
      const bit = (index * SHIFT) % WIDTH;
      const shifted = sum << (bit % 8);
      add(Math.floor(bit / 8), shifted & 0xff);
      add(Math.floor(bit / 8) + 1, shifted >> 8);
    }
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(this.#length));
    for (const [index, bits] of length.entries()) add(LENGTH_AT + index, bits);
    return bytes.toString('hex');
  }
}
