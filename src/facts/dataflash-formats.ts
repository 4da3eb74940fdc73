/** Bytes of a field by its format character (ArduPilot, libraries/AP_Logger/LogStructure.h). */
const FIELD_BYTES: Readonly<Record<string, number>> = {
  ...{ b: 1, B: 1, M: 1, h: 2, H: 2, c: 2, C: 2, g: 2, i: 4, I: 4, e: 4, E: 4, L: 4, f: 4, n: 4 },
  ...{ d: 8, q: 8, Q: 8, N: 16, Z: 64, a: 64 },
};

interface Field {
  readonly offset: number;
  readonly kind: string;
}

/** A message type, as the FMT message says it. */
export interface DataflashFormat {
  readonly name: string;
  /** Bytes of a message, its header of three bytes included. */
  readonly length: number;
  readonly fields: ReadonlyMap<string, Field>;
}

/** @param payload of a FMT message: type, length, name (4), format (16), labels (64) */
export function parseFormat(payload: Buffer): DataflashFormat {
  const text = (from: number, to: number) => textIn(payload.subarray(from, to));
  const kinds = text(6, 22);
  const fields = new Map<string, Field>();
  let offset = 0;
  for (const [index, label] of text(22, 86).split(',').entries()) {
    const kind = kinds[index] ?? '';
    const bytes = FIELD_BYTES[kind];
    if (bytes === undefined) break;
    fields.set(label.trim(), { offset, kind });
    offset += bytes;
  }
  return { name: text(2, 6), length: payload[1] ?? 0, fields };
}

/** The value of a numeric field, in units and degrees; undefined if there is none, or the message is too short for it. */
export function numberField(payload: Buffer, { fields }: DataflashFormat, name: string): number | undefined {
  const field = fields.get(name);
  const bytes = FIELD_BYTES[field?.kind ?? ''] ?? 0;
  if (!field || field.offset + bytes > payload.length) return undefined;
  return READ[field.kind]?.(payload, field.offset);
}

export function textField(payload: Buffer, { fields }: DataflashFormat, name: string): string | undefined {
  const field = fields.get(name);
  if (!field || !['n', 'N', 'Z'].includes(field.kind)) return undefined;
  return textIn(payload.subarray(field.offset, field.offset + (FIELD_BYTES[field.kind] ?? 0)));
}

/** Texts are filled with zeros. */
function textIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

const READ: Readonly<Record<string, (bytes: Buffer, offset: number) => number>> = {
  b: (bytes, at) => bytes.readInt8(at),
  B: (bytes, at) => bytes.readUInt8(at),
  M: (bytes, at) => bytes.readUInt8(at),
  h: (bytes, at) => bytes.readInt16LE(at),
  H: (bytes, at) => bytes.readUInt16LE(at),
  c: (bytes, at) => bytes.readInt16LE(at) / 100,
  C: (bytes, at) => bytes.readUInt16LE(at) / 100,
  i: (bytes, at) => bytes.readInt32LE(at),
  I: (bytes, at) => bytes.readUInt32LE(at),
  e: (bytes, at) => bytes.readInt32LE(at) / 100,
  E: (bytes, at) => bytes.readUInt32LE(at) / 100,
  L: (bytes, at) => bytes.readInt32LE(at) / 1e7,
  f: (bytes, at) => bytes.readFloatLE(at),
  d: (bytes, at) => bytes.readDoubleLE(at),
  q: (bytes, at) => Number(bytes.readBigInt64LE(at)),
  Q: (bytes, at) => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32,
};
