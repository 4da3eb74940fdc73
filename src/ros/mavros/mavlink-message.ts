// mavros_msgs/msg/Mavlink serialized: CDR (OMG DDS-XTypes, PLAIN_CDR), little-endian. Decoding by way of plain objects
// would take ten times as long.

const MAGIC_V2 = 0xfd;
const FRAMING_OK = 1;
const CRC_LENGTH = 2;
const V2_HEADER = 10;
const V1_HEADER = 6;
/** Bytes of a frame from its magic to the component id, as a message has them for either version. */
const HEAD_LENGTH = 7;
/** Before the message: representation identifier and options. Alignment counts from behind it. */
const ENCAPSULATION = 4;
const CDR_LE = Uint8Array.of(0, 1, 0, 0);

const aligned = (at: number, size: number): number => Math.ceil(at / size) * size;

/** One field after the other, each at its alignment. */
class CdrReader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset + ENCAPSULATION, bytes.length - ENCAPSULATION);
  }

  uint8(): number {
    return this.#view.getUint8(this.#next(1, 1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#next(2, 2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#next(4, 4), true);
  }

  /** A view of `count` elements of `size` bytes. */
  bytes(count: number, size: number): Uint8Array {
    const at = count === 0 ? this.#at : this.#next(size, count * size);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, count * size);
  }

  skip(count: number, size: number): void {
    this.#next(size, count * size);
  }

  #next(alignment: number, length: number): number {
    const at = aligned(this.#at, alignment);
    this.#at = at + length;
    return at;
  }
}

/** A frame without its payload decoded. */
export interface FrameHead {
  readonly messageId: number;
  /** The frame as on a serial line; valid as long as the message's memory. */
  frame(): Uint8Array;
}

/** The frame in a serialized message; undefined if MAVROS found it damaged. Throws a RangeError for any other bytes. */
export function decodeMavlink(message: Uint8Array): FrameHead | undefined {
  const reader = new CdrReader(message);
  reader.skip(2, 4);
  reader.skip(reader.uint32(), 1);
  if (reader.uint8() !== FRAMING_OK) return undefined;
  const head = reader.bytes(HEAD_LENGTH, 1);
  const messageId = reader.uint32();
  const checksum = reader.uint16();
  const payload = reader.bytes(reader.uint32(), 8);
  const signature = reader.bytes(reader.uint32(), 1);
  return { messageId, frame: () => toFrame({ head, messageId, checksum, payload, signature }) };
}

interface Parts {
  /** As at the start of a MAVLink 2 frame: magic, length, flags, number, system, component. */
  readonly head: Uint8Array;
  readonly messageId: number;
  readonly checksum: number;
  /** Filled up to whole words. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

function toFrame({ head, messageId, checksum, payload, signature }: Parts): Uint8Array {
  const start = head[0] === MAGIC_V2 ? V2_HEADER : V1_HEADER;
  const length = head[1] ?? 0;
  const end = start + length;
  const frame = new Uint8Array(end + CRC_LENGTH + signature.length);
  frame.set(head);
  // MAVLink 1 has no flags.
  if (start === V1_HEADER) frame.set(head.subarray(4), 2);
  const idAt = start === V1_HEADER ? V1_HEADER - 1 : HEAD_LENGTH;
  for (let at = idAt; at < start; at++) frame[at] = messageId >> (8 * (at - idAt));
  frame.set(payload.subarray(0, length), start);
  frame[end] = checksum;
  frame[end + 1] = checksum >> 8;
  frame.set(signature, end + CRC_LENGTH);
  return frame;
}

/** Bytes of an empty header (stamp, frame_id of one NUL), where the fields begin. */
const HEADER_LENGTH = 13;
const ID_AT = 24;
const PAYLOAD_AT = 40;

/** A serialized message around a whole, unsigned MAVLink 2 frame. */
export function encodeMavlink(frame: Uint8Array): Uint8Array {
  const payload = frame.subarray(V2_HEADER, -CRC_LENGTH);
  const [id, checksum] = [frame.subarray(HEAD_LENGTH, V2_HEADER), frame.subarray(-CRC_LENGTH)];
  const words = Math.ceil(payload.length / 8);
  const bytes = new Uint8Array(ENCAPSULATION + PAYLOAD_AT + words * 8 + 4);
  const view = new DataView(bytes.buffer, ENCAPSULATION);
  const put = (values: Uint8Array, at: number) => bytes.set(values, ENCAPSULATION + at);
  bytes.set(CDR_LE);
  view.setUint32(8, 1, true);
  view.setUint8(HEADER_LENGTH, FRAMING_OK);
  put(frame.subarray(0, HEAD_LENGTH), HEADER_LENGTH + 1);
  put(id, ID_AT);
  put(checksum, ID_AT + 4);
  view.setUint32(ID_AT + 8, words, true);
  put(payload, PAYLOAD_AT);
  return bytes;
}
