import assert from 'node:assert/strict';
import { readMultistatus } from '../../../src/devices/webdav/multistatus.js';
import { LineSink } from '../../../src/devices/ftp/line-sink.js';
import { parseInto } from '../../../src/devices/ftp/listing.js';
import { assertLinear } from '../../servers/growth.js';

const SERVER = new URL('http://files.test/dav/');

const response = (href: string): string =>
  `<response><href>${href}</href><propstat><prop><resourcetype/><getcontentlength>5</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>`;
const multistatus = (body: string): string => `<multistatus xmlns="DAV:">${body}</multistatus>`;

async function entriesIn(text: string): Promise<number> {
  let count = 0;
  async function* whole(): AsyncGenerator<string> {
    yield text;
  }
  try {
    for await (const entry of readMultistatus(whole(), SERVER)) count += 'why' in entry ? 0 : 1;
  } catch {
    // Broken texts are measured as well.
  }
  return count;
}

async function linesIn(text: string): Promise<number> {
  let count = 0;
  const ignore = (): void => undefined;
  const sink = new LineSink(line =>
    parseInto({ entry: () => count++, skipped: ignore, unreadable: ignore }, line),
  );
  await new Promise<void>(resolve => sink.end(Buffer.from(text, 'latin1'), resolve));
  return count;
}

const repeated = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length));

describe('long listings', () => {
  const dav: Readonly<Record<string, (length: number) => string>> = {
    'many entries': length => multistatus(repeated(response('/dav/a'), length)),
    'a name without an end': length => multistatus(response(`/dav/${'a'.repeat(length)}`)),
    'slashes': length => multistatus(response(repeated('/', length))),
    'escapes': length => multistatus(response(`/dav/${repeated('%25', length)}`)),
    'tags without an end': length => multistatus(repeated('<response>', length)),
    'entities': length => multistatus(response(`/dav/${repeated('&amp;', length)}`)),
    'properties': length => multistatus(`<response><propstat><prop>${repeated('<a>b</a>', length)}`),
    'comments': length => multistatus(repeated('<!-- -->', length)),
    'open brackets': length => repeated('<', length),
    'attributes': length => `<multistatus ${Array.from({ length: length / 8 }, (_, n) => `a${n}=""`).join(' ')}>`,
  }; // prettier-ignore
  for (const [name, make] of Object.entries(dav))
    it(`webdav: ${name} take linear time`, () => assertLinear(make, entriesIn));

  const ftp: Readonly<Record<string, string>> = {
    'many files': '-rw-r--r-- 1 u g 5 Jan 05 2020 a\r\n',
    'facts': 'type=file;size=5;modify=20200105000000; a\r\n',
    'lines that are none': 'what is this\r\n',
    'one long line': '-rw-r--r-- 1 u g ',
    'spaces': ' ',
    'digits': '1',
    'equals signs': '=',
    'semicolons': 'a=;',
    'commas': '+,',
    'empty lines': '\r\n',
    'carriage returns': '\r',
  }; // prettier-ignore
  for (const [name, piece] of Object.entries(ftp))
    it(`ftp: ${name} take linear time`, () => assertLinear(length => repeated(piece, length), linesIn));

  for (const [name, work] of [
    ['webdav', () => entriesIn(multistatus(response('/dav/a').repeat(40_000)))],
    ['ftp', () => linesIn('-rw-r--r--   1 u   g   5 Jan 05 2020 a b c.ulg\r\n'.repeat(40_000))],
  ] as const) {
    it(`${name}: other work goes on while a long listing is read`, async () => {
      let turns = 0;
      let isOver = false;
      const turn = (): void => {
        turns++;
        if (!isOver) setImmediate(turn);
      };
      setImmediate(turn);
      assert.equal(await work(), 40_000);
      isOver = true;
      assert.ok(turns >= 4, `${turns} turns of the event loop`);
    });
  }
});
