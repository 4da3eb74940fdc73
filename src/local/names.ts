import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { escaped, portablePart } from '../system/portable-names.js';

/** Ends the name of an unfinished local copy. */
export const PART_SUFFIX = '.part';

/** Ends the name of a finished local copy that was found corrupt; a number may follow. */
const CORRUPT_SUFFIX = '.corrupt';

/** The longest part of a path, in bytes, that every file system supports. */
const MAX_PART_BYTES = 255;
/** Leaves space for `.part` and two tags of `~<twelve hex digits>`. */
const MAX_NAME_BYTES = MAX_PART_BYTES - PART_SUFFIX.length - 2 * 13;
/** Leaves space for this suffix and a number. */
const MAX_CORRUPT_BYTES = MAX_PART_BYTES - CORRUPT_SUFFIX.length - 4;

/** Suffixes that only this program uses. */
const LIKE_OURS = /\.(?=(?:part|corrupt\d*)$)/i;

/**
 * The path of a source's file below the local root: `<device>/<path as on the source>`. Hostile characters become `%XX`,
 * parts that are too long are cut and carry a hash. The result never leads out of the root, no part of it ends in
 * `.part` or `.corrupt`, and different files get different names.
 * @param taken whether another file has that name; it should ignore case, as FAT does
 * @param tag distinguishes this file from others of that name (`name~tag.ext`); twelve characters at most
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
 * Names that are in use, ignoring case. Only their hashes are kept: on a collision, a free name gets a tag that it does not need.
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

/** The name of a copy that was quarantined as corrupt, for the `count`th time: `log.ulg.corrupt2`. */
export const corruptName = (name: string, count: number): string =>
  corruptStem(name) + (count > 1 ? count : '');

/** Whether a finished copy may have that name, in any folder: unfinished and quarantined copies have other suffixes. */
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

/** The part without anything that some file system would misinterpret. Different parts stay different. */
const neutral = (part: string): string => portablePart(part).replace(LIKE_OURS, escaped);

/** A part that is too long keeps its beginning and its extension; a hash of all of it replaces the rest. */
function shortened(part: string): string {
  if (Buffer.byteLength(part) <= MAX_NAME_BYTES) return part;
  const hash = createHash('sha256').update(part).digest('hex').slice(0, 12);
  const extension = /\.[a-z0-9]{1,16}$/i.exec(part)?.[0] ?? '';
  const space = MAX_NAME_BYTES - hash.length - extension.length - 1;
  return `${firstBytes(part, space)}~${hash}${extension}`;
}

/** As many whole characters as fit into `limit` bytes of UTF-8. */
function firstBytes(text: string, limit: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(limit));
  return text.slice(0, read);
}
