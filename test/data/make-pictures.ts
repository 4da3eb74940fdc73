/** Pictures of one grey pixel with the EXIF data of a drone's camera (EXIF 2.32; TIFF 6.0), at 2026-07-02 11:30:12.25 +02:00. */

type Value = string | readonly number[] | readonly (readonly [number, number])[];
type Entry = readonly [tag: number, type: number, value: Value];

const BYTE = 1;
const ASCII = 2;
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;

const GPS_IFD: readonly Entry[] = [
  [1, ASCII, 'S'],
  [2, RATIONAL, [[33, 1], [51, 1], [3151, 100]]],
  [3, ASCII, 'E'],
  [4, RATIONAL, [[151, 1], [12, 1], [4055, 100]]],
  [5, BYTE, [0]],
  [6, RATIONAL, [[1234, 10]]],
];
const GPS_TIME: readonly Entry[] = [
  [7, RATIONAL, [[9, 1], [30, 1], [12, 1]]],
  [0x1d, ASCII, '2026:07:02'],
];
const ORIGINAL: readonly Entry[] = [[0x9003, ASCII, '2026:07:02 11:30:12']];
const ZONE: readonly Entry[] = [[0x9011, ASCII, '+02:00'], [0x9291, ASCII, '25']];

class Writer {
  readonly #isLittle: boolean;

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  uint(value: number, bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes);
    if (this.#isLittle) buffer.writeUIntLE(value, 0, bytes);
    else buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  }

  value(type: number, value: Value): Buffer {
    if (typeof value === 'string') return Buffer.from(`${value}\0`);
    const size = type === BYTE ? 1 : type === SHORT ? 2 : 4;
    return Buffer.concat(value.flat().map(number => this.uint(number, size)));
  }

  /** The directory, with its values behind it. */
  directory(entries: readonly Entry[], offset: number): Buffer {
    let next = offset + 2 + 12 * entries.length + 4;
    const values: Buffer[] = [];
    const fields = [...entries].sort(([one], [other]) => one - other).map(([tag, type, value]) => {
      const bytes = this.value(type, value);
      const count = bytes.length / (type === BYTE || type === ASCII ? 1 : type === SHORT ? 2 : type === LONG ? 4 : 8);
      const field = Buffer.alloc(4);
      if (bytes.length <= 4) bytes.copy(field);
      else {
        this.uint(next, 4).copy(field);
        values.push(bytes);
        next += bytes.length;
      }
      return Buffer.concat([this.uint(tag, 2), this.uint(type, 2), this.uint(count, 4), field]);
    });
    return Buffer.concat([this.uint(entries.length, 2), ...fields, this.uint(0, 4), ...values]);
  }

  /** Header, `before`, and the three directories. */
  tiff(main: readonly Entry[], exif: readonly Entry[], gps: readonly Entry[], before = Buffer.alloc(0)): Buffer {
    const first = 8 + before.length;
    const pointers = (exifAt: number, gpsAt: number): Entry[] => [
      ...main,
      [0x8769, LONG, [exifAt]],
      [0x8825, LONG, [gpsAt]],
    ];
    const exifAt = first + this.directory(pointers(0, 0), first).length;
    const exifBytes = this.directory(exif, exifAt);
    const gpsAt = exifAt + exifBytes.length;
    const header = Buffer.concat([
      Buffer.from(this.#isLittle ? 'II' : 'MM'),
      this.uint(42, 2),
      this.uint(first, 4),
      before,
    ]);
    const mainBytes = this.directory(pointers(exifAt, gpsAt), first);
    return Buffer.concat([header, mainBytes, exifBytes, this.directory(gps, gpsAt)]);
  }
}

/** Marker, length, name, data. */
function segment(name: string, data: Buffer): Buffer {
  const header = Buffer.from([0xff, 0xe1, 0, 0]);
  header.writeUInt16BE(2 + name.length + data.length, 2);
  return Buffer.concat([header, Buffer.from(name, 'latin1'), data]);
}

/** A grey pixel (baseline JPEG), from its quantisation table on. */
const PIXEL = Buffer.concat([
  Buffer.from('ffdb004300', 'hex'),
  Buffer.alloc(64, 1),
  Buffer.from('ffc0000b080001000101011100', 'hex'),
  Buffer.from('ffc40014000100000000000000000000000000000000', 'hex'),
  Buffer.from('ffc40014100100000000000000000000000000000000', 'hex'),
  Buffer.from('ffda0008010100003f0037ffd9', 'hex'),
]);

const jpegOf = (...segments: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([0xff, 0xd8]), ...segments, PIXEL]);

/** As a camera writes it whose clock knows its zone. */
export function photo(): Buffer {
  const main: Entry[] = [[0x010f, ASCII, 'DJI'], [0x0110, ASCII, 'FC7303']];
  return jpegOf(segment('Exif\0\0', new Writer(false).tiff(main, [...ORIGINAL, ...ZONE], GPS_IFD)));
}

/** As a thermal camera writes it: the zone is not known, but GPS has the time. */
export function thermal(): Buffer {
  const main: Entry[] = [[0x010f, ASCII, 'FLIR'], [0x0110, ASCII, 'FLIR Duo Pro R']];
  const exif = new Writer(true).tiff(main, ORIGINAL, [...GPS_IFD, ...GPS_TIME]);
  return jpegOf(segment('Exif\0\0', exif), segment('FLIR\0\x01\0\0', Buffer.alloc(200, 'FFF')));
}

/** With its directories behind the picture, and no position. */
export function tiff(): Buffer {
  const main: Entry[] = [
    ...([[0x100, SHORT, [1]], [0x101, SHORT, [1]], [0x102, SHORT, [8]], [0x106, SHORT, [1]]] as const),
    ...([[0x111, LONG, [8]], [0x116, SHORT, [1]], [0x117, LONG, [1]]] as const),
    ...([[0x10f, ASCII, 'MicaSense'], [0x110, ASCII, 'RedEdge-M']] as const),
  ];
  return new Writer(true).tiff(main, [...ORIGINAL], [[1, ASCII, 'N']], Buffer.from([128, 0]));
}
