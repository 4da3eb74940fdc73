import { FtpErrorCode } from '../mavlink/ftp-payload.js';
import { Nak } from './exchange.js';
import type { SessionFile } from './open-file.js';
import type { FileRules } from './personality.js';

/** The data that a read of the file returns on this vehicle. Throws a Nak at the end of the file. */
export async function readData(
  file: SessionFile,
  rules: FileRules,
  offset: number,
  size: number,
): Promise<Uint8Array> {
  if (rules.endsAtOpenedSize && offset >= file.size) throw new Nak(FtpErrorCode.EOF);
  const data = await file.read(offset, size);
  if (data.length === 0 && rules.emptyIsEnd) throw new Nak(FtpErrorCode.EOF);
  return data;
}
