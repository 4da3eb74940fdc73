import { FtpErrorCode, MAX_DATA, type FtpPayload } from '../mavlink/ftp-payload.js';
import { Nak } from './exchange.js';

// How the two autopilots parse the file names of a request. Names are byte strings, see Folder.

/** PX4 takes `size` bytes, up to the first NUL, and refuses `..`. */
export function px4Name(request: FtpPayload): string {
  return withoutParents(text(request).split('\0', 1)[0] ?? '');
}

export function px4Names(request: FtpPayload): [string, string] {
  const [from = '', to] = text(request).split('\0');
  if (to === undefined) throw new Nak(FtpErrorCode.FAIL_ERRNO);
  return [withoutParents(from), withoutParents(to)];
}

/** ArduPilot requires `size` to match the name, with or without its NUL. */
export function ardupilotName(request: FtpPayload): string {
  const [name = ''] = content(request).split('\0', 1);
  return sized(request, name.length, name);
}

export function ardupilotNames(request: FtpPayload): [string, string] {
  const [from = '', to = ''] = content(request).split('\0', 2);
  return sized(request, from.length + 1 + to.length, [from, to]);
}

function sized<Names>(request: FtpPayload, length: number, names: Names): Names {
  const fits = request.size > 0 && (request.size === length || request.size === length + 1);
  if (!fits) throw new Nak(FtpErrorCode.INVALID_DATA_SIZE);
  return names;
}

function withoutParents(name: string): string {
  if (name.split('/').includes('..')) throw new Nak(FtpErrorCode.FILE_PROTECTED);
  return name;
}

const text = (request: FtpPayload) => content(request).slice(0, request.size);

const content = (request: FtpPayload) =>
  Buffer.from(request.data.buffer, request.data.byteOffset, Math.min(request.data.length, MAX_DATA)).toString(
    'latin1',
  );
