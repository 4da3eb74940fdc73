import assert from 'node:assert/strict';
import { cleanFacts } from '../../src/facts/clean.js';
import { ardupilot } from '../../src/facts/ardupilot.js';
import { jpeg } from '../../src/facts/jpeg.js';
import { mcap } from '../../src/facts/mcap.js';
import type { FactReader } from '../../src/facts/reader.js';
import { rosbag2 } from '../../src/facts/rosbag2.js';
import { tiff } from '../../src/facts/tiff.js';
import { ulog } from '../../src/facts/ulog.js';
import { MAX_FACTS_BYTES } from '../../src/file-facts.js';
import { dataflashFormats, dataflashMessage } from '../data/make-dataflash.js';
import { inMemory } from '../unit/facts/memory-access.js';
import { SAMPLES } from '../unit/facts/samples.js';
import { data, subscribe, ulogOf } from '../unit/facts/ulog-bytes.js';
import { checkSize, type Parser } from './parser.js';

const { signal } = new AbortController();
/** Of a sample, so that mutations meet more than the data of its messages. */
const MAX_SEED_BYTES = 60_000;

/** A reader reads the file as a whole, and from its ends as the beginning of a judgement does. */
function parserOf(reader: FactReader, options: Pick<Parser, 'words' | 'worst' | 'msPerMegabyte'>): Parser {
  const samples = SAMPLES.filter(({ facts }) => facts.format === reader.format);
  return {
    name: `facts-${reader.format}`,
    seeds: samples.map(({ bytes }) => bytes.subarray(0, MAX_SEED_BYTES)),
    ...options,
    async parse(input) {
      const file = inMemory(input);
      const whole = await reader.read(file, { position: true, signal });
      const ends = await reader.read(file, { position: true, signal, endsOnly: true, shorterThan: 20_000 });
      return [whole, ends].map(found => {
        const facts = cleanFacts(found);
        const text = JSON.stringify(facts);
        assert.ok(Buffer.byteLength(text) <= MAX_FACTS_BYTES);
        assert.doesNotMatch(text, /\p{Cc}|\p{Cf}/u);
        for (const number of [facts.duration, facts.errors, facts.messages, facts.topics, facts.dropouts])
          if (number !== undefined) checkSize(number);
        return facts;
      });
    },
  };
}

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);
const header = (size: number, type: string): Buffer =>
  Buffer.concat([bytes(size & 0xff, size >> 8), Buffer.from(type)]);

const ULOG = ulogOf('t:uint64_t timestamp;', subscribe(1, 't'));
const FORMATS = dataflashFormats();
const MCAP = Buffer.from('\x89MCAP0\r\n', 'latin1');
const JPEG = bytes(0xff, 0xd8);
const TIFF = Buffer.from('II*\0\x08\0\0\0', 'latin1');
const BAG = 'rosbag2_bagfile_information:\n';

export const factParsers: readonly Parser[] = [
  parserOf(ulog, {
    words: ['uint64_t timestamp;', 'sensor_gps:', 'char[40] sys_uuid', 'int32_t SYS_AUTOSTART', '[99999]'],
    worst: [
      ...[bytes(0), bytes(0xff), header(1, 'D'), header(0, 'D'), header(1, 'B'), header(0xffff, 'L')].map(
        unit => ({
          before: ULOG,
          unit,
        }),
      ),
      // A subscription or format a message, data that are no samples, and half a synchronisation.
      { before: ULOG, unit: subscribe(2, 't') },
      { before: ULOG, unit: data(1, 5_000_000) },
      { before: ULOG, unit: Buffer.concat([header(11, 'F'), Buffer.from('a:b x;b y;\0')]) },
      { before: ULOG, unit: Buffer.concat([header(5, 'I'), Buffer.from('\x03ab c')]) },
      {
        before: Buffer.concat([ULOG, bytes(0, 0, 0)]),
        unit: bytes(0x2f, 0x73, 0x13, 0x20, 0x25, 0x0c, 0xbb),
      },
    ],
  }),
  parserOf(ardupilot, {
    words: ['GPS', 'TimeUS,Status,GMS,GWk', 'QBIH'],
    worst: [
      ...[bytes(0xa3), bytes(0xa3, 0x95), bytes(0xa3, 0x95, 128), bytes(0), bytes(0xa3, 0x95, 93, 0)].map(
        unit => ({
          before: FORMATS,
          unit,
        }),
      ),
      { before: FORMATS, unit: dataflashMessage('MSG', 5, 'Frame: '.repeat(9)) },
      { before: FORMATS, unit: dataflashMessage('PARM', 5, 'FRAME_CLASS', 1, 1) },
      { unit: FORMATS },
    ],
  }),
  parserOf(mcap, {
    words: ['ros2', '\x0b', '\x02', '\x0e'],
    worst: [
      { before: MCAP, unit: bytes(0x0b, 0, 0, 0, 0, 0, 0, 0, 0) },
      { before: MCAP, unit: bytes(0x0e, 17, 0, 0, 0, 0, 0, 0, 0, 0x0b), after: MCAP },
      { before: MCAP, unit: bytes(0x02, 20, 0, 0, 0, 0, 0, 0, 0, ...Array<number>(20).fill(9)), after: MCAP },
      { before: MCAP, unit: bytes(0xff), after: MCAP },
    ],
  }),
  parserOf(rosbag2, {
    words: ['- ', ': ', '&a ', '*a', '[', '{', 'nanoseconds: ', '---\n'],
    worst: ['[', '{', '- ', '? ', 'a: ', '"', '&a ', '- a\n', '  a: 1\n', ' '].map(unit => ({
      before: BAG,
      unit,
    })),
    // YAML is parsed into tokens, with turns for everything else.
    msPerMegabyte: 500,
  }),
  parserOf(jpeg, {
    words: ['Exif\0\0', 'FLIR\0', 'II*\0', 'MM\0*'],
    worst: [
      { before: JPEG, unit: bytes(0xff) },
      { before: JPEG, unit: bytes(0xff, 0xd0) },
      { before: JPEG, unit: bytes(0xff, 0xe1, 0, 2) },
      { before: JPEG, unit: Buffer.concat([bytes(0xff, 0xe1, 0, 8), Buffer.from('Exif\0\0')]) },
    ],
  }),
  parserOf(tiff, {
    words: ['II*\0', 'MM\0*', '2026:07:02 09:30:12', '+02:00'],
    worst: [
      { before: TIFF, unit: bytes(0xff) },
      { before: TIFF, unit: bytes(0x69, 0x87, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0) },
      { before: TIFF, unit: bytes(0x0f, 0x01, 2, 0, 0xff, 0xff, 0, 0, 8, 0, 0, 0) },
    ],
  }),
];
