import { isUtf8 } from 'node:buffer';
import { join, parse } from 'node:path';

/**
 * Linux names are bytes, and those of old cards and drives are not always UTF-8. Such a name is listed with each byte
 * from 0x80 on as the lone surrogate U+DC00 + byte (as Python's PEP 383 does), which no true UTF-8 gives.
 */
export function nameFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return [...bytes].map(byte => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('');
}

/** The path as its file system has it: undoes `nameFromBytes` in each part. */
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

/** An upload of ours that is not finished: its token is sixteen hex digits. */
const UNFINISHED = /\.[0-9a-f]{16}\.part$/;

export const isUnfinishedUpload = (name: string): boolean => UNFINISHED.test(name);

/** Bytes of a name that every file system takes. */
const MAX_NAME = 255;

/** Where the upload with this token lies until it is whole: beside its final name, which may be cut to make room. */
export function partName(final: string, token: string): string {
  const ending = `.${token}.part`;
  const { dir, base } = parse(final);
  const room = new Uint8Array(MAX_NAME - ending.length);
  const { read } = new TextEncoder().encodeInto(base, room);
  return join(dir, base.slice(0, read) + ending);
}
