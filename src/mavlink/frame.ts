import { frameCrc } from './crc.js';
import { layoutOf, type MessageLayout } from './messages.js';

/** Bytes of a signature: link id, timestamp, and the first 48 bits of the hash (mavlink.io, "Message Signing"). */
export const SIGNATURE_LENGTH = 13;

/** One MAVLink frame. */
export interface Frame {
  readonly version: 1 | 2;
  /** 0 to 255, counted per sender. */
  readonly sequence: number;
  readonly system: number;
  readonly component: number;
  readonly messageId: number;
  /** The message's full length, with the zeros that were cut for the wire. It may be a view of the received bytes. */
  readonly payload: Uint8Array;
  /** All bytes of a signed frame, the signature included. Whether that is right has not been checked. */
  readonly signed?: Uint8Array;
}

/** Makes the signature of a frame's bytes from the start to the checksum. */
export interface FrameSigner {
  sign(bytes: Uint8Array): Uint8Array;
}

/** The layout of a frame in one protocol version (mavlink.io, "Packet Serialization"). */
interface Version {
  readonly version: 1 | 2;
  readonly headerLength: number;
  readonly sequenceAt: number;
  messageId(bytes: Uint8Array, start: number): number;
}

const V1: Version = {
  version: 1,
  headerLength: 6,
  sequenceAt: 2,
  messageId: (bytes, start) => at(bytes, start + 5),
};
const V2: Version = {
  version: 2,
  headerLength: 10,
  sequenceAt: 4,
  messageId: (bytes, start) =>
    at(bytes, start + 7) | (at(bytes, start + 8) << 8) | (at(bytes, start + 9) << 16),
};

const MAGIC_V1 = 0xfe;
const MAGIC_V2 = 0xfd;
const CRC_LENGTH = 2;
const INCOMPAT_SIGNED = 0x01;

/** A frame to be sent. */
export type NewFrame = Omit<Frame, 'version' | 'signed'>;

/** The frame as MAVLink 2 bytes, with a signature if there is a signer. Throws a RangeError for an unknown message. */
export function encodeFrame(frame: NewFrame, signer?: FrameSigner): Uint8Array {
  const layout = layoutOf(frame.messageId);
  if (!layout) throw new RangeError(`no layout for MAVLink message ${frame.messageId}`);
  const length = lengthWithoutZeros(frame.payload);
  const end = V2.headerLength + length + CRC_LENGTH;
  const bytes = new Uint8Array(end + (signer ? SIGNATURE_LENGTH : 0));
  bytes[0] = MAGIC_V2;
  bytes[1] = length;
  bytes[2] = signer ? INCOMPAT_SIGNED : 0;
  bytes[4] = frame.sequence;
  bytes[5] = frame.system;
  bytes[6] = frame.component;
  for (let at = 7; at < V2.headerLength; at++) bytes[at] = frame.messageId >> (8 * (at - 7));
  bytes.set(frame.payload.subarray(0, length), V2.headerLength);
  const crc = frameCrc(bytes, layout.crcExtra, 1, V2.headerLength + length);
  bytes[V2.headerLength + length] = crc;
  bytes[V2.headerLength + length + 1] = crc >> 8;
  if (signer) bytes.set(signer.sign(bytes.subarray(0, end)), end);
  return bytes;
}

/** A piece of the stream: its length, and the frame if it is a known one. */
interface DecodedPiece {
  readonly consumed: number;
  readonly frame?: Frame;
}

const NOTHING = new Uint8Array(0);
const SKIP_ONE: DecodedPiece = { consumed: 1 };

/**
 * Bytes of wrong checksums that each received byte pays for. A stray start byte costs the check of up to 300 bytes, and a
 * stream made of start bytes would cost that for each of its bytes.
 */
const CHECKED_PER_BYTE = 2;
/** Bytes of wrong checksums that are always paid for, such as garbage in front of the first frame. */
const MAX_CREDIT_BYTES = 4096;

/**
 * Finds the frames of known messages in a stream of bytes, however it is cut. Garbage and frames with a wrong checksum
 * are skipped; signatures are not checked here.
 */
export class FrameDecoder {
  readonly #seen: ((bytes: Uint8Array) => void) | undefined;
  #rest: Uint8Array = NOTHING;
  /** Bytes that may still be checked in vain. */
  #credit = MAX_CREDIT_BYTES;

  /** `seen` gets the bytes of every frame, those of unknown messages too. */
  constructor(seen?: (bytes: Uint8Array) => void) {
    this.#seen = seen;
  }

  /** The payloads may be views of `bytes`, which must not be changed afterwards. */
  push(bytes: Uint8Array): Frame[] {
    const stream = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    this.#credit = Math.min(MAX_CREDIT_BYTES, this.#credit + CHECKED_PER_BYTE * bytes.length);
    let start = nextMagic(stream, 0);
    let inStep = start === 0;
    for (let step = next(stream, start, inStep); step; step = next(stream, start, inStep)) {
      if (step.frame) frames.push(step.frame);
      if (step !== SKIP_ONE) this.#seen?.(stream.subarray(start, start + step.consumed));
      const after = start + (step === SKIP_ONE ? this.#skipped(stream, start) : step.consumed);
      start = nextMagic(stream, after);
      inStep &&= step !== SKIP_ONE && start === after;
    }
    this.#rest = start >= stream.length ? NOTHING : stream.slice(start);
    return frames;
  }

  /** Bytes to skip where a wrong checksum was found: one, or without credit all that looked like a frame. */
  #skipped(stream: Uint8Array, start: number): number {
    const length = lengthAt(stream, start);
    if (length > this.#credit) return length;
    this.#credit -= length;
    return 1;
  }
}

/** The place of the next byte that may begin a frame, or the end. */
function nextMagic(stream: Uint8Array, start: number): number {
  let at = start;
  while (at < stream.length && stream[at] !== MAGIC_V1 && stream[at] !== MAGIC_V2) at++;
  return at;
}

/** Bytes of the frame that seems to begin there. */
function lengthAt(stream: Uint8Array, start: number): number {
  return (versionAt(stream, start)?.headerLength ?? 0) + at(stream, start + 1) + CRC_LENGTH;
}

/** Undefined if more bytes are needed to decide. `inStep`: from the stream's first byte on, frame has followed frame. */
function next(stream: Uint8Array, start: number, inStep: boolean): DecodedPiece | undefined {
  const format = versionAt(stream, start);
  if (start >= stream.length) return undefined;
  if (!format) return SKIP_ONE;
  if (stream.length < start + format.headerLength) return undefined;
  const flags = format.version === 2 ? at(stream, start + 2) : 0;
  if ((flags & ~INCOMPAT_SIGNED) !== 0) return SKIP_ONE;
  const signature = flags & INCOMPAT_SIGNED ? SIGNATURE_LENGTH : 0;
  const end = start + format.headerLength + at(stream, start + 1) + CRC_LENGTH + signature;
  const layout = layoutOf(format.messageId(stream, start));
  return layout ? known(stream, start, end, format, layout) : unknown(stream, start, end, inStep);
}

function known(
  stream: Uint8Array,
  start: number,
  end: number,
  format: Version,
  layout: MessageLayout,
): DecodedPiece | undefined {
  if (stream.length < end) return undefined;
  const payloadAt = start + format.headerLength;
  const crcAt = payloadAt + at(stream, start + 1);
  const crc = at(stream, crcAt) | (at(stream, crcAt + 1) << 8);
  if (crc !== frameCrc(stream, layout.crcExtra, start + 1, crcAt)) return SKIP_ONE;
  const payload = extended(stream, payloadAt, crcAt - payloadAt, layout.length);
  const frame = { ...header(stream, start, format), payload };
  const isSigned = end - crcAt > CRC_LENGTH;
  return {
    consumed: end - start,
    frame: isSigned ? { ...frame, signed: stream.slice(start, end) } : frame,
  };
}

/**
 * A frame of an unknown message, whose checksum cannot be checked. It counts only if another frame follows, or if it is
 * the end of nothing but frames (telemetry in a datagram of its own): else its start was a stray byte, and its payload
 * may contain frames.
 */
function unknown(stream: Uint8Array, start: number, end: number, inStep: boolean): DecodedPiece | undefined {
  if (stream.length === end && inStep) return { consumed: end - start };
  if (stream.length <= end) return undefined;
  return versionAt(stream, end) ? { consumed: end - start } : SKIP_ONE;
}

function header(stream: Uint8Array, start: number, format: Version): Omit<Frame, 'payload'> {
  const field = (index: number) => at(stream, start + format.sequenceAt + index);
  return {
    version: format.version,
    sequence: field(0),
    system: field(1),
    component: field(2),
    messageId: format.messageId(stream, start),
  };
}

function versionAt(stream: Uint8Array, start: number): Version | undefined {
  if (stream[start] === MAGIC_V2) return V2;
  return stream[start] === MAGIC_V1 ? V1 : undefined;
}

/** The payload of `size` bytes, of `length` at least. It is copied only where zeros have to be added. */
function extended(stream: Uint8Array, start: number, size: number, length: number): Uint8Array {
  const payload = new Uint8Array(stream.buffer, stream.byteOffset + start, size);
  if (size >= length) return payload;
  const full = new Uint8Array(length);
  full.set(payload);
  return full;
}

/** The length of the payload without the zeros at its end; MAVLink 2 keeps at least one byte. */
function lengthWithoutZeros(payload: Uint8Array): number {
  let length = payload.length;
  while (length > 1 && payload[length - 1] === 0) length--;
  return length;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
