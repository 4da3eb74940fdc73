/** A message of a log: size, type, payload (ULog file format). */
export function message(type: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const payload = Buffer.concat(parts.map(part => Buffer.from(part)));
  const header = Buffer.alloc(3, type);
  header.writeUInt16LE(payload.length);
  return Buffer.concat([header, payload]);
}

const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

export const subscribe = (id: number, name: string): Buffer => message('A', Buffer.from([0, id, 0]), name);
export const data = (id: number, timestamp: number): Buffer =>
  message('D', Buffer.from([id, 0]), uint64(timestamp));
export const logged = (level: string, text: string): Buffer => message('L', level, uint64(0), text);

/** A log that begins one second after the boot; texts are formats. */
export function ulogOf(...messages: readonly (string | Buffer)[]): Buffer {
  const header = Buffer.concat([Buffer.from('554c6f6701123501', 'hex'), uint64(1_000_000)]);
  return Buffer.concat([header, ...messages.map(one => (typeof one === 'string' ? message('F', one) : one))]);
}
