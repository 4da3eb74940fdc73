import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Ends the name of an unfinished local copy. */
export const PART_SUFFIX = '.part';

/** Ends the name of a finished local copy that was found corrupt; a number may follow. */
const CORRUPT_SUFFIX = '.corrupt';

/** Bytes of a part that every file system takes. */
const MAX_PART = 255;
/** `.part` and two tags of `~<twelve hex digits>` must still fit behind. */
const MAX_BYTES = MAX_PART - PART_SUFFIX.length - 2 * 13;
/** As must this suffix with a number. */
const MAX_CORRUPT_BYTES = MAX_PART - CORRUPT_SUFFIX.length - 4;

/** Names that Windows and FAT keep for devices, with or without an extension. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;
/** What some file system forbids, what would hide or leave a folder, and lone surrogates, which UTF-8 cannot hold. */
const HOSTILE = /\p{Cc}|\p{Cs}|[<>:"|?*\\/]/gu;
/** Looks like an escape of ours: escaped itself, so that every name can be told from every other. */
const LIKE_AN_ESCAPE = /%(?=[0-9a-f]{2}|_)/gi;
/** Windows drops these at the end. */
const LOOSE_END = /[. ]$/;
/** Such names are given by us. */
const LIKE_OURS = /\.(?=(?:part|corrupt\d*)$)/i;
const EMPTY = '%_';

/**
 * Where a source's file lies below the local root: `<device>/<path as on the source>`. Hostile characters become `%XX`,
 * parts that are too long are cut and carry a hash. The result never leads out of the root, no part of it ends in
 * `.part` or `.corrupt`, and different files get different names.
 * @param taken whether another file has that name; it should look past case, as FAT does
 * @param tag tells this file from others of that name (`name~tag.ext`); twelve characters at most
 */
export function localName(
  device: string,
  path: string,
  taken: (candidate: string) => boolean,
  tag: string,
): string {
  const parts = [device, ...path.split('/')].map(part => shortened(neutral(part)));
  const file = parts.pop() ?? '';
  const folder = parts.reduce((parent, part) => freeName(join(parent, part), taken, tag));
  return freeName(join(folder, file), taken, tag);
}

/**
 * Names that are in use; such that differ only in case count as the same. Only their hashes are kept: a name that is taken for
 * used although it is free gets a tag that it would not need.
 */
export class TakenNames {
  readonly #hashes = new Set<number>();

  add(name: string): void {
    this.#hashes.add(crc32(name.toLowerCase()));
  }

  has(name: string): boolean {
    return this.#hashes.has(crc32(name.toLowerCase()));
  }
}

const join = (folder: string, name: string): string => `${folder}/${name}`;

/** What a copy is called in its folder once it is set aside as corrupt, for the `count`th time: `log.ulg.corrupt2`. */
export const corruptName = (name: string, count: number): string =>
  corruptStem(name) + (count > 1 ? count : '');

/** Whether `name` is such a name of the copy. */
export const isCorruptNameOf = (name: string, copy: string): boolean =>
  name.startsWith(corruptStem(copy)) && /^\d*$/.test(name.slice(corruptStem(copy).length));

/** Whether a finished copy may be called so, in any folder: not like an unfinished one, nor like one that was set aside. */
export const isCopyName = (name: string): boolean => !LIKE_OURS.test(name);

const corruptStem = (name: string): string =>
  (Buffer.byteLength(name) <= MAX_CORRUPT_BYTES ? name : shortened(name)) + CORRUPT_SUFFIX;

function freeName(name: string, taken: (candidate: string) => boolean, tag: string): string {
  let free = name;
  for (let count = 1; taken(free); count++) free = tagged(name, count === 1 ? tag : `${tag}${count}`);
  return free;
}

/** The name with `~tag` before its extension. */
function tagged(path: string, tag: string): string {
  const dot = path.lastIndexOf('.');
  const end = dot > path.lastIndexOf('/') + 1 ? dot : path.length;
  return `${path.slice(0, end)}~${tag}${path.slice(end)}`;
}

/** The part without anything that some file system or shell would take amiss. No two parts become the same one. */
function neutral(part: string): string {
  if (part === '') return EMPTY;
  return part
    .replace(LIKE_AN_ESCAPE, escaped)
    .replace(HOSTILE, escaped)
    .replace(LOOSE_END, escaped)
    .replace(LIKE_OURS, escaped)
    .replace(RESERVED, name => escaped(name.slice(0, 1)) + name.slice(1));
}

/** One UTF-16 unit as its UTF-8 bytes (a lone surrogate as it would be encoded), each `%XX`. */
function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const bytes = code < 0x80 ? [code] : code < 0x800 ? twoBytes(code) : threeBytes(code);
  return bytes.map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

const twoBytes = (code: number): number[] => [0xc0 | (code >> 6), 0x80 | (code & 0x3f)];

const threeBytes = (code: number): number[] => [
  0xe0 | (code >> 12),
  0x80 | ((code >> 6) & 0x3f),
  0x80 | (code & 0x3f),
];

/** A part that is too long keeps its beginning and its extension; a hash of all of it stands for the rest. */
function shortened(part: string): string {
  if (Buffer.byteLength(part) <= MAX_BYTES) return part;
  const hash = createHash('sha256').update(part).digest('hex').slice(0, 12);
  const extension = /\.[a-z0-9]{1,16}$/i.exec(part)?.[0] ?? '';
  const room = MAX_BYTES - hash.length - extension.length - 1;
  return `${firstBytes(part, room)}~${hash}${extension}`;
}

/** As many whole characters as fit into `limit` bytes of UTF-8. */
function firstBytes(text: string, limit: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(limit));
  return text.slice(0, read);
}
