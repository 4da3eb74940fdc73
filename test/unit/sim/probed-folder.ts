import { crc32 } from 'node:zlib';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { contentOf, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';

/** Bytes of the files that the recorded vehicles served; all begin with the same random bytes. */
const FILES = { 'zero.bin': 0, 'b239.bin': 239, 'b478.bin': 478, 'name with space é.txt': 1000 };
const BIG = 5 * 1024 * 1024;
const FOLDERS = ['longname', 'empty', 'many', 'sub'];
/** Seconds since the Unix epoch, as PX4 told them. */
const MODIFIED = 1795357743;

/** One request of the probing client and the replies that it got, both in the order of the recording. */
export interface Exchanges {
  readonly requests: readonly FtpPayload[];
  readonly replies: readonly FtpPayload[];
}

/**
 * The folder that the recorded vehicle served, as far as the recording tells: bytes that were never sent are zero,
 * except for four that give each file the CRC that the vehicle answered with.
 */
export async function makeProbedFolder(recorded: Exchanges, bigFolder: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'filesync-sim-'));
  const big = `/${bigFolder}/five.bin`;
  for (const folder of FOLDERS) await mkdir(join(root, 'ftp', folder), { recursive: true });
  await symlink('zero.bin', join(root, 'ftp', 'link.bin'));
  for (const [path, size] of [
    ...Object.entries(FILES).map(([name, n]) => [`/ftp/${name}`, n] as const),
    [big, BIG] as const,
  ]) {
    const content = withCrc(known(recorded.replies, size), crcOf(recorded, path));
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
    await utimes(join(root, path), MODIFIED, MODIFIED);
  }
  return root;
}

export const removeFolder = (root: string) => rm(root, { recursive: true });

/** The first `size` bytes of the big file, where the recording has them, and which of them it has. */
function known(replies: readonly FtpPayload[], size: number): { bytes: Buffer; gap: number } {
  const bytes = Buffer.alloc(size);
  const has = Buffer.alloc(size);
  for (const reply of replies) {
    if (reply.opcode !== Opcode.ACK || !isRead(reply.requestOpcode) || reply.offset >= size) continue;
    const data = contentOf(reply).subarray(0, size - reply.offset);
    bytes.set(data, reply.offset);
    has.fill(1, reply.offset, reply.offset + data.length);
  }
  return { bytes, gap: has.lastIndexOf(Buffer.alloc(4)) };
}

const isRead = (opcode: number) => opcode === Opcode.READ_FILE || opcode === Opcode.BURST_READ_FILE;

function crcOf({ requests, replies }: Exchanges, path: string): number | undefined {
  const request = requests.find(
    each => each.opcode === Opcode.CALC_FILE_CRC32 && Buffer.from(contentOf(each)).toString() === path,
  );
  const reply = request && replies.find(each => each.sequence === request.sequence + 1);
  return reply && Buffer.from(reply.data).readUInt32LE(0);
}

/** Four unknown bytes are chosen so that the CRC comes out; it is linear, so it can be run backwards. */
function withCrc({ bytes, gap }: { bytes: Buffer; gap: number }, wanted: number | undefined): Buffer {
  if (wanted === undefined || gap < 0) return bytes;
  const plain = ~crc32(bytes, 0xffffffff);
  let register = (plain ^ wanted) >>> 0;
  for (let bit = (bytes.length - gap) * 8; bit > 0; bit--) {
    register = register & 0x80000000 ? ((register ^ 0xedb88320) << 1) | 1 : register << 1;
  }
  bytes.writeUInt32LE(register >>> 0, gap);
  return bytes;
}
