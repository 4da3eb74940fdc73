import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ByteStream, Checksum, ChecksumAlgorithm } from '../ports.js';

/** A checksum that is being computed. */
export interface Digest {
  update(chunk: Uint8Array): void;
  /** Of all bytes so far, lower-case hex in full width; more may follow. */
  hex(): string;
  /** An independent digest in the same state. */
  copy(): Digest;
}

export function newDigest(algorithm: ChecksumAlgorithm): Digest {
  return algorithm === 'crc32-mavlink' ? mavlinkCrc() : digestOf(createHash(algorithm));
}

/** The checksum of a whole stream. */
export async function checksumOf(stream: ByteStream, algorithm: ChecksumAlgorithm): Promise<Checksum> {
  const digest = newDigest(algorithm);
  for await (const chunk of stream) digest.update(chunk);
  return { algorithm, value: digest.hex() };
}

function digestOf(hash: Hash): Digest {
  return {
    update: chunk => void hash.update(chunk),
    hex: () => hash.copy().digest('hex'),
    copy: () => digestOf(hash.copy()),
  };
}

/** MAVLink FTP's CalcFileCRC32 starts at 0 and ends without XOR; zlib inverts at both ends, so both are undone. */
function mavlinkCrc(inverted = 0xffff_ffff): Digest {
  return {
    update: chunk => {
      inverted = crc32(chunk, inverted);
    },
    hex: () => (~inverted >>> 0).toString(16).padStart(8, '0'),
    copy: () => mavlinkCrc(inverted),
  };
}
