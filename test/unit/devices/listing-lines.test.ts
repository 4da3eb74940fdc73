import assert from 'node:assert/strict';
import { parseInto } from '../../../src/devices/ftp/listing.js';

/** `kind name size`, or `unreadable`. */
function told(line: string): string {
  let found = 'nothing';
  parseInto(
    {
      entry: ({ kind, name, size }) => (found = `${kind} ${name} ${size}`),
      skipped: () => (found = 'skipped'),
      unreadable: () => (found = 'unreadable'),
    },
    line,
  );
  return found;
}

describe('lines of FTP listings', () => {
  for (const [line, expected] of [
    ['type=FILE;size=10; a.ulg', 'file a.ulg 10'],
    ['Size=10;TYPE=File;Modify=20260801123045; a.ulg', 'file a.ulg 10'],
    ['type=Dir;modify=20260801123045; logs', 'folder logs 0'],
    ['Type=CDir; .', 'nothing'],
    ['type=PDIR; ..', 'nothing'],
    ['type=OS.unix=slink:/Away/A.ulg; link', 'other link 0'],
    ['+m824255907,r,\tnosize.ulg', 'unreadable'],
    ['+m824255907,r,s0,\tempty.ulg', 'file empty.ulg 0'],
    ['+/,m824255907\tlogs', 'folder logs 0'],
  ] as const)
    it(`${JSON.stringify(line)} is ${expected}`, () => assert.equal(told(line), expected));
});
