/** CRC-16/MCRF4XX: polynomial 0x1021 reflected, as MAVLink frames carry it ("Packet Serialization", checksum). */
const FRAME_POLYNOMIAL = 0x8408;
const FRAME_START = 0xffff;

const FRAME_TABLE = crcTable(FRAME_POLYNOMIAL);

/**
 * The checksum of the bytes from `start` to `end`, then of the message's CRC_EXTRA, a byte that depends on its layout.
 */
export function frameCrc(bytes: Uint8Array, crcExtra: number, start = 0, end = bytes.length): number {
  let crc = FRAME_START;
  for (let at = start; at < end; at++)
    crc = (crc >>> 8) ^ (FRAME_TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return (crc >>> 8) ^ (FRAME_TABLE[(crc ^ crcExtra) & 0xff] ?? 0);
}

/** The CRC of each byte value, for a reflected polynomial. */
function crcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
}
