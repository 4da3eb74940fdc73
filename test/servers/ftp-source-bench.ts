import { rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { ftp } from '../../src/devices/ftp.js';
import type { ServerKind } from './ftp-servers.js';
import type { SourceBench } from '../conformance/source.js';
import { makeSource } from './device.js';
import { ftpOptions, type FtpPlace } from './ftp-bench.js';
import { makeOpen, openFolder } from './open-folder.js';

/** More bytes than both sides' socket buffers on the loopback. */
const BIG = 16 << 20;

/** Names that a server cannot list or send, with the reason. */
export const UNSUPPORTED_NAMES: Readonly<Record<ServerKind | 'embedded', { names: RegExp; reason: string }>> =
  {
    vsftpd: {
      names: /[\r\n]/,
      reason: 'a line break in a name breaks the line of LIST: the listing is refused',
    },
    proftpd: {
      names: /[\r\n]/,
      reason: 'a line break in a name breaks the line of MLSD: the listing is refused',
    },
    'pure-ftpd': {
      names: /\p{Cc}|\\/u,
      reason: 'omits names with control characters from its listings, and sends no file with a backslash',
    },
    embedded: {
      names: /[\r\n"\\]/,
      reason:
        'a line break breaks the line of LIST; removes quotes from a name, and takes a backslash for a slash',
    },
  };

let benches = 0;

/** A source on a folder of its own, on a shared server. */
export async function ftpSourceBench(
  place: FtpPlace,
  kind: keyof typeof UNSUPPORTED_NAMES,
  more: Record<string, unknown> = {},
): Promise<SourceBench> {
  const own = `source ${benches++}`;
  const root = join(place.folder, own);
  await makeOpen(root);
  const source = await makeSource(ftp, { ...ftpOptions(place), root: posix.join(place.root, own), ...more });
  return {
    source,
    big: BIG,
    holds: path => !UNSUPPORTED_NAMES[kind].names.test(path),
    ...openFolder(root),
    close: async () => {
      await source.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
