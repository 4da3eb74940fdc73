// mavros_msgs/msg/Mavlink as it is on the wire of ROS: CDR (OMG DDS-XTypes, PLAIN_CDR), little-endian. Decoding it by way of
// plain objects would cost ten times the time.

const MAGIC_V2 = 0xfd;
const FRAMING_OK = 1;
const CRC_LENGTH = 2;
const V2_HEADER = 10;
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

  #next(alignment: number, length: number): number {
    const at = aligned(this.#at, alignment);
    this.#at = at + length;
    return at;
  }
}

/** What a frame is beside its payload. */
export interface FrameHead {
  readonly messageId: number;
  /** The frame as on a serial line; of use until the message's memory is. */
  frame(): Uint8Array;
}

/** The frame that a serialized message holds; undefined if MAVROS found it damaged. Throws a RangeError for what is no such message. */
export function decodeMavlink(message: Uint8Array): FrameHead | undefined {
  const reader = new CdrReader(message);
  reader.bytes(2, 4);
  reader.bytes(reader.uint32(), 1);
  if (reader.uint8() !== FRAMING_OK) return undefined;
  const [magic, length, incompatible, compatible, ...sender] = reader.bytes(7, 1);
  const messageId = reader.uint32();
  const checksum = reader.uint16();
  const payload = reader.bytes(reader.uint32(), 8);
  const signature = reader.bytes(reader.uint32(), 1);
  const id = [messageId & 0xff, (messageId >> 8) & 0xff, messageId >> 16];
  const flags = magic === MAGIC_V2 ? [incompatible, compatible] : [];
  const head = [magic, length, ...flags, ...sender, ...(magic === MAGIC_V2 ? id : id.slice(0, 1))];
  const tail = [checksum & 0xff, checksum >> 8];
  const frame = () => Buffer.concat([bytesOf(head), payload.subarray(0, length), bytesOf(tail), signature]);
  return { messageId, frame };
}

const bytesOf = (values: readonly (number | undefined)[]) => Uint8Array.from(values, value => value ?? 0);

/** Bytes of an empty header (stamp, frame_id of one NUL), where the fields begin. */
const HEADER_LENGTH = 13;
const ID_AT = 24;
const PAYLOAD_AT = 40;

/** A serialized message around a whole, unsigned MAVLink 2 frame. */
export function encodeMavlink(frame: Uint8Array): Uint8Array {
  const payload = frame.subarray(V2_HEADER, -CRC_LENGTH);
  const [id, checksum] = [frame.subarray(7, V2_HEADER), frame.subarray(-CRC_LENGTH)];
  const words = Math.ceil(payload.length / 8);
  const bytes = new Uint8Array(ENCAPSULATION + PAYLOAD_AT + words * 8 + 4);
  const view = new DataView(bytes.buffer, ENCAPSULATION);
  const put = (values: Uint8Array, at: number) => bytes.set(values, ENCAPSULATION + at);
  bytes.set(CDR_LE);
  view.setUint32(8, 1, true);
  view.setUint8(HEADER_LENGTH, FRAMING_OK);
  put(frame.subarray(0, 7), HEADER_LENGTH + 1);
  put(id, ID_AT);
  put(checksum, ID_AT + 4);
  view.setUint32(ID_AT + 8, words, true);
  put(payload, PAYLOAD_AT);
  return bytes;
}
