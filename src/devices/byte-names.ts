import { isUtf8 } from 'node:buffer';

/**
 * Linux names are bytes, and those of old cards and drives are not always UTF-8. Such a name is listed with each byte
 * from 0x80 on as the lone surrogate U+DC00 + byte (as Python's PEP 383 does), which decoding UTF-8 never returns.
 */
export function nameFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return [...bytes].map(byte => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('');
}

/** The path as its file system has it: the inverse of `nameFromBytes` for each part. */
export function pathToBytes(path: string): Buffer {
  if (!/\p{Cs}/u.test(path)) return Buffer.from(path);
  const parts = path
    .split('/')
    .map(part => (/\p{Cs}/u.test(part) ? surrogatesToBytes(part) : Buffer.from(part)));
  return Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part])));
}

function surrogatesToBytes(part: string): Buffer {
  return Buffer.from(part, 'latin1');
}
