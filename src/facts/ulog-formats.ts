/** Bytes of the basic types (ULog file format, "Data Types"). */
const TYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ...(['int8_t', 'uint8_t', 'bool', 'char'] as const).map(type => [type, 1] as const),
  ...(['int16_t', 'uint16_t'] as const).map(type => [type, 2] as const),
  ...(['int32_t', 'uint32_t', 'float'] as const).map(type => [type, 4] as const),
  ...(['int64_t', 'uint64_t', 'double'] as const).map(type => [type, 8] as const),
]);
/** What a log of PX4 has at most is a tenth of these. */
const MAX_FORMATS = 2000;
const MAX_FORMAT_BYTES = 1024 * 1024;
const MAX_NESTING = 16;
/** A data message holds no more (its size is a uint16_t, and the message id needs two bytes). */
const MAX_DATA_BYTES = 65_533;

interface Field {
  readonly type: string;
  readonly count: number;
  readonly name: string;
}

export interface FieldPlace {
  readonly offset: number;
  readonly type: string;
}

/** Where the fields of a data message are, from its first byte after the message id. */
export interface Layout {
  /** Bytes with, and without the padding at the end, which a logger may leave out. */
  readonly size: number;
  readonly minSize: number;
  /** Fields of basic types that are no arrays. */
  readonly fields: ReadonlyMap<string, FieldPlace>;
}

/** Reads a field of floating-point numbers; undefined where there is none. NaN where the bytes are too few. */
export function floatField(field: FieldPlace | undefined): ((bytes: Buffer) => number) | undefined {
  if (field?.type === 'float')
    return bytes => (field.offset + 4 <= bytes.length ? bytes.readFloatLE(field.offset) : NaN);
  if (field?.type === 'double')
    return bytes => (field.offset + 8 <= bytes.length ? bytes.readDoubleLE(field.offset) : NaN);
  return undefined;
}

/** The format definitions of a log ('F' messages). */
export class UlogFormats {
  readonly #texts = new Map<string, string>();
  readonly #sizes = new Map<string, number | undefined>();
  #bytes = 0;

  /** @param text `message_name:type field;type[count] field;…` */
  add(text: string): void {
    const colon = text.indexOf(':');
    this.#bytes += text.length;
    if (colon < 1 || this.#texts.size >= MAX_FORMATS || this.#bytes > MAX_FORMAT_BYTES) return;
    this.#texts.set(text.slice(0, colon), text.slice(colon + 1));
  }

  /** Undefined if the format is unknown, contains itself, or is larger than a message can be. */
  layout(name: string): Layout | undefined {
    const text = this.#texts.get(name);
    if (text === undefined) return undefined;
    const fields = new Map<string, FieldPlace>();
    let size = 0;
    let minSize = 0;
    for (const { type, count, name: field } of fieldsOf(text)) {
      const bytes = this.#size(type, 0);
      if (bytes === undefined) return undefined;
      if (count === 1 && TYPE_BYTES.has(type)) fields.set(field, { offset: size, type });
      size += bytes * count;
      if (!field.startsWith('_padding')) minSize = size;
    }
    return size <= MAX_DATA_BYTES ? { size, minSize, fields } : undefined;
  }

  #size(type: string, depth: number): number | undefined {
    const basic = TYPE_BYTES.get(type);
    if (basic !== undefined) return basic;
    if (this.#sizes.has(type)) return this.#sizes.get(type);
    // A format that contains itself finds this entry.
    this.#sizes.set(type, undefined);
    const size = this.#sum(this.#texts.get(type), depth);
    this.#sizes.set(type, size);
    return size;
  }

  #sum(text: string | undefined, depth: number): number | undefined {
    if (text === undefined || depth >= MAX_NESTING) return undefined;
    let sum = 0;
    for (const { type, count } of fieldsOf(text)) {
      sum += (this.#size(type, depth + 1) ?? Infinity) * count;
      if (sum > MAX_DATA_BYTES) return undefined;
    }
    return sum;
  }
}

function* fieldsOf(text: string): Generator<Field> {
  for (const part of text.split(';')) {
    const [, type, count = '1', name] = /^(\w+)(?:\[(\d{1,5})\])? (\w+)$/.exec(part) ?? [];
    if (type !== undefined && name !== undefined) yield { type, count: Number(count), name };
  }
}
