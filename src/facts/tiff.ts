import { readExif } from './exif.js';
import { readBytes } from './read-bytes.js';
import type { FactReader } from './reader.js';

const LITTLE = Buffer.from('II*\0');
const BIG = Buffer.from('MM\0*');

/** TIFF, and raw pictures that are TIFF files, such as DNG. */
export const tiff: FactReader = {
  format: 'tiff',
  matches: (_name, head) => LITTLE.equals(head.subarray(0, 4)) || BIG.equals(head.subarray(0, 4)),
  async read(file, { position, signal }) {
    const exif = await readExif((offset, length) => readBytes(file, offset, length, signal), position);
    return { format: 'tiff', ...exif };
  },
};
