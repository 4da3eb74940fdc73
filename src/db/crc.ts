/** A CRC-32 as in our files: eight hex digits. */
export const crcHex = (crc: number) => crc.toString(16).padStart(8, '0');
