import assert from 'node:assert/strict';
import { FTPError, type FTPResponse } from 'basic-ftp';
import { parseEpsvResponse, parsePasvResponse } from 'basic-ftp/dist/transfer.js';
import fc from 'fast-check';
import { digestIn } from '../../src/devices/ftp/digests.js';
import { toFtpError } from '../../src/devices/ftp/errors.js';
import { LineSink } from '../../src/devices/ftp/line-sink.js';
import { entryInMlst, listFolder, type FtpEntry } from '../../src/devices/ftp/listing.js';
import { toUrlPath, toWire } from '../../src/devices/ftp/names.js';
import { ProtocolLog } from '../../src/devices/ftp/protocol-log.js';
import { sizeIn, timeIn } from '../../src/devices/ftp/replies.js';
import { nameFromBytes, pathToBytes } from '../../src/devices/byte-names.js';
import { checkName, checkSize, type Parser } from './parser.js';

const UNIX = `total 8
drwxr-xr-x    2 ftp      ftp          4096 Nov 22 10:00 logs
-rw-r--r--    1 ftp      ftp        486737 Nov 22  2025 flight 1.ulg
-rw-r--r--+   1 1000     1000            0 Jan 01 00:00 empty
lrwxrwxrwx    1 ftp      ftp             9 Nov 22 10:00 last -> flight.ulg
-rw-r--r--.   1 root root 9007199254740993 Nov 22 10:00 huge
crw-rw-rw-    1 root     root       1,   3 Nov 22 10:00 null
drwxr-xr-x  ftp ftp 4096 Nov 22 10:00 ..
`.replaceAll('\n', '\r\n');
const DOS = '02-22-26  10:00AM       <DIR>          logs\r\n02-22-2026  10:01AM             486737 a.ulg\r\n';
const EPLF = '+i8388621.48594,m825718503,r,s280,\tdjb.html\r\n+m824255907,/,\t514\r\n';
const MLSD =
  'type=cdir;modify=20260222100000; .\r\nType=file;Size=12;Modify=20260222100000.123;UNIX.mode=0644; a b.ulg\r\n' +
  'type=dir;perm=el; logs\r\ntype=OS.unix=slink:/x; link\r\n';

/** Checks an entry, and that its name survives the way to a command and back. */
function checkEntry({ name, size, modified }: FtpEntry): void {
  checkName(name);
  assert.ok(!/[\r\n]/.test(name), 'a name with a line break would end a command');
  checkSize(size);
  assert.ok(modified === undefined || Number.isFinite(modified));
  assert.ok(!/[\r\n\0]/.test(toWire(name)));
  toUrlPath(name);
  assert.equal(nameFromBytes(pathToBytes(name)), name, 'a name does not survive');
}

async function listed(input: Buffer): Promise<unknown> {
  const entries: FtpEntry[] = [];
  const notes: string[] = [];
  const sink = {
    entry: (entry: FtpEntry) => void entries.push(entry),
    skipped: (why: string) => void notes.push(why),
    unreadable: (why: string) => void notes.push(why),
  };
  const lines = async (_command: string, take: (line: string) => void) => {
    const stream = new LineSink(take);
    const ended = new Promise<void>((resolve, reject) =>
      stream.once('finish', resolve).once('error', reject),
    );
    const step = 1 + (input[0] ?? 0) * 100;
    for (let at = 0; at < input.length; at += step) stream.write(input.subarray(at, at + step));
    stream.end();
    await ended;
    return { lines: Math.max(1, stream.count), reply: '226 done' };
  };
  await listFolder(lines, true, sink);
  entries.forEach(checkEntry);
  return { entries, notes };
}

const line = fc
  .tuple(
    fc.constantFrom(
      '-rw-r--r-- 1 a b ',
      'drwxr-xr-x 2 a b ',
      '+r,s',
      '+/,m',
      'type=file;size=',
      'Type=dir;Modify=',
      '02-22-26  10:00AM ',
    ),
    fc.oneof(
      fc.nat().map(String),
      fc.constantFrom('9007199254740993', '-1', '<DIR>', '1e9', '99999999999999999999', ''),
    ),
    fc.constantFrom(
      ' Nov 22 10:00 ',
      ' Feb 30  2025 ',
      '; ',
      ',\t',
      '   ',
      ';modify=20269999999999; ',
      ' 2026-02-22 10:00 ',
    ),
    fc.oneof(
      fc.constantFrom('a.ulg', '..', '.', '../b', '/etc/passwd', 'a\0b', '\xff\xfe', 'a -> b', ''),
      fc.string(),
    ),
  )
  .map(parts => `${parts.join('')}\r\n`);

const listings: Parser = {
  name: 'ftp-listings',
  seeds: [UNIX, DOS, EPLF, MLSD],
  generated: fc.array(line, { maxLength: 30 }).map(lines => lines.join('')),
  worst: [
    '\n',
    ' ',
    { before: '-rw-r--r-- 1 a b ', unit: ' ' },
    { before: '-rw-r--r-- 1 a b 1 Nov 22 10:00 ', unit: 'a' },
    { before: 'a=', unit: ';a=b' },
    { before: '+', unit: ',' },
    '-rw-r--r-- 1 a b 12 Nov 22 10:00 a\n',
    '+r,s1,\ta\n',
    'type=file;size=1; a\n',
    'd a . \n',
    '02-22-26 \n',
  ],
  // A line of a dozen bytes becomes a message of a hundred, and basic-ftp needs some µs for each.
  msPerMegabyte: 800,
  parse: listed,
};

const PASSWORD = 'pass"word/7!';
const PEER = { device: 'archive', host: 'ftp.example.org', secrets: [PASSWORD] };

/** As basic-ftp hands a reply over. */
function responseOf(message: string): FTPResponse {
  return { code: Number(/^\d{3}/.exec(message)?.[0] ?? 500), message };
}

const READERS: readonly ((reply: FTPResponse) => unknown)[] = [
  reply => checked(sizeIn(reply)),
  reply => timeIn(reply),
  reply => digestIn({ algorithm: 'sha256', hexDigits: 64, commands: () => [] }, [reply]),
  reply => port(parseEpsvResponse(reply.message)),
  reply => port(parsePasvResponse(reply.message).port),
  reply => entryInMlst(reply.message.split('\n')[1]?.trim() ?? ''),
  reply => {
    throw new FTPError(reply);
  },
];

function checked(size: number | undefined): number | undefined {
  if (size !== undefined) checkSize(size);
  return size;
}

/** What `connect` would throw a RangeError for. */
function port(number: number): number {
  if (!(number >= 0 && number < 65536)) throw new Error(`no port: ${number}`);
  return number;
}

const replies: Parser = {
  name: 'ftp-replies',
  seeds: [
    ...[
      '213 486737',
      '213 20260222100000',
      '229 Entering Extended Passive Mode (|||40000|)',
      '550 no such file',
    ],
    ...[
      '227 Entering Passive Mode (127,0,0,1,156,64)',
      '250-Listing\r\n type=file;size=3; /a.ulg\r\n250 End',
    ],
    `213 ${'0a'.repeat(32)}`,
    `530 <b>login</b> of ${PASSWORD} failed`,
    '213 99999999999999999999',
  ],
  words: [encodeURIComponent(PASSWORD), Buffer.from(PASSWORD).toString('base64'), '\r\n', '550 ', '213 '],
  secrets: [PASSWORD, Buffer.from(PASSWORD).toString('base64')],
  worst: [
    { before: '213 ', unit: '9' },
    { before: '229 (', unit: '|' },
    { before: '227 ', unit: '1,' },
    { before: '550 ', unit: '<' },
    { before: '550 ', unit: '<script>' },
    { before: '550 ', unit: 'pass' },
    { before: '550 ', unit: '&#0' },
    { before: '213 ', unit: '0a'.repeat(31) },
  ],
  parse(input) {
    const reply = responseOf(input.toString('latin1'));
    const results: unknown[] = [];
    for (const operation of ['list', 'read', 'write']) {
      for (const read of READERS) {
        try {
          results.push(read(reply) === undefined);
        } catch (thrown) {
          if (thrown instanceof assert.AssertionError) throw thrown;
          const { kind, message } = toFtpError(thrown, PEER, 'on', { operation });
          results.push({ kind, message });
        }
      }
    }
    return results;
  },
};

const logs: Parser = {
  name: 'ftp-log',
  seeds: [
    '220 ready\r\n331 password\r\n230 in\r\n',
    '211-Features:\r\n MLST type*;size*;\r\n UTF8\r\n211 End\r\n',
  ],
  // After a zero, the replies come byte by byte.
  worst: ['\n', '\r', 'a', '\xff', { before: '\0', unit: 'a' }, { before: '\0', unit: '\r' }],
  parse(input) {
    const lines: string[] = [];
    const log = new ProtocolLog(text => lines.push(text));
    const step = 1 + (input[0] ?? 0) * 50;
    const text = input.toString('latin1');
    for (let at = 0; at < text.length; at += step) log.add(`< ${text.slice(at, at + step)}`);
    return lines;
  },
};

export const ftpParsers: readonly Parser[] = [listings, replies, logs];
