import type { Rule } from '../../src/rules/rule.js';
import { sample } from '../conformance/support.js';
import { CrashFs } from '../model/crash-fs.js';
import { rule } from '../unit/rules/rule.js';

/** What is to be done with which files. */
export interface Plan {
  readonly title: string;
  readonly rule: Rule;
  /** Content by the path on the source; all differ. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Of the files: long before the machine boots. */
const MODIFIED = Date.UTC(2025, 11, 1);

/** One that takes several blocks, and a short one in a folder. */
const FILES = new Map([
  ['log1.ulg', sample(1300, 1)],
  ['sub/log2.ulg', sample(200, 2)],
]);

const planOf = (title: string, changes: Partial<Rule>): Plan => ({
  title,
  files: FILES,
  rule: rule({
    ...{ from: 'card', to: ['archive'], path: '{file.path}', settle: 2_000, deleteAfter: 0 },
    ...changes,
  }),
});

export const PLANS: readonly Plan[] = [
  planOf('copies that are deleted on source and machine', {
    after: { source: 'delete', local: { kind: 'delete' } },
  }),
  planOf('copies that are kept', {}),
  planOf('a stream, and removal from the source', {
    via: 'stream',
    after: { source: 'delete', local: { kind: 'keep' } },
  }),
];

/** The machine before anything has run: the files are on the card, and all of that is on the medium. */
export function installed({ files }: Plan): CrashFs {
  const fs = new CrashFs();
  fs.mkdir('/card', false);
  for (const [path, bytes] of files) {
    const folder = `/card/${path}`.replace(/\/[^/]*$/, '');
    fs.mkdir(folder, true);
    const file = fs.open(`/card/${path}`, { create: true, truncate: false });
    if (file.kind === 'folder') throw new Error(`${path} is a folder`);
    fs.write(file, bytes, 0);
    file.modified = MODIFIED;
    fs.sync(path, file);
    fs.sync(folder, fs.find(folder));
  }
  for (const folder of ['/card', '/']) fs.sync(folder, fs.find(folder));
  return fs;
}
