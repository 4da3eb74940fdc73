/** A CRC-32 as our files hold it: eight digits. */
export const crcHex = (crc: number) => crc.toString(16).padStart(8, '0');
