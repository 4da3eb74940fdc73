import type { FileFacts } from '../file-facts.js';
import { readExif } from './exif.js';
import { readBytes } from './read-bytes.js';
import type { FactReader, RandomAccess, ReadOptions } from './reader.js';

const APP1 = 0xe1;
/** Where the picture itself begins, or the file ends. */
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
/** Markers without a length: TEM, RST0 to RST7, SOI. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
/** A thermal camera needs some forty segments for its data. */
const MAX_SEGMENTS = 200;
const EXIF_NAME = 'Exif\0\0';
const FLIR_NAME = 'FLIR\0';
const NAME_BYTES = 6;
const HEAD_BYTES = 64 * 1024;

/** JPEG with EXIF; FLIR keeps the temperatures in APP1 segments of its own. */
export const jpeg: FactReader = {
  format: 'jpeg',
  matches: (_name, head) => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff,
  async read(file, options) {
    const blocks = await blocksOf(file, options.signal);
    const facts: Found = {};
    let at: number | undefined = 2;
    for (let count = 0; at !== undefined && count < MAX_SEGMENTS; count++)
      at = await readSegment(blocks, at, facts, options);
    const { exif, ...found } = facts;
    return { format: 'jpeg', radiometric: false, ...exif, ...found };
  },
};

interface Found {
  exif?: Partial<FileFacts>;
  radiometric?: true;
  truncated?: true;
}

type Blocks = (offset: number, length: number) => Promise<Buffer>;

/** Most of what is wanted is in the first 64 KB: these are read once. */
async function blocksOf(file: RandomAccess, signal: AbortSignal): Promise<Blocks> {
  const head = await readBytes(file, 0, HEAD_BYTES, signal);
  return async (offset, length) =>
    offset + length <= head.length
      ? head.subarray(offset, offset + length)
      : readBytes(file, offset, length, signal);
}

/** Returns where the next segment begins; undefined behind the last one. */
async function readSegment(
  read: Blocks,
  at: number,
  found: Found,
  { position }: ReadOptions,
): Promise<number | undefined> {
  const start = await read(at, 4 + NAME_BYTES);
  if (start.length < 4 || start[0] !== 0xff) {
    found.truncated = true;
    return undefined;
  }
  const marker = start[1] ?? 0;
  // Any number of bytes 0xff may stand before a marker.
  if (marker === 0xff) return at + 1;
  if (isBare(marker)) return at + 2;
  if (marker === START_OF_SCAN || marker === END_OF_IMAGE) return undefined;
  const size = Math.max(2, start.readUInt16BE(2));
  if (marker === APP1) await readApp1(read, { at: at + 4, length: size - 2 }, found, position);
  return at + 2 + size;
}

async function readApp1(
  read: Blocks,
  { at, length }: { readonly at: number; readonly length: number },
  found: Found,
  position: boolean,
): Promise<void> {
  const name = (await read(at, Math.min(length, NAME_BYTES))).toString('latin1');
  if (name.startsWith(FLIR_NAME)) found.radiometric = true;
  if (name !== EXIF_NAME || found.exif) return;
  const tiff = await read(at + NAME_BYTES, length - NAME_BYTES);
  found.exif = await readExif(async (from, size) => tiff.subarray(from, from + size), position);
}
