import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** SPDX identifiers of licences under which a package may become part of what we ship, which is licensed under Apache-2.0. */
const ALLOWED: ReadonlySet<string> = new Set([
  ...['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'CC0-1.0', 'ISC', 'MIT'],
  ...['MIT-0', 'Python-2.0', 'Unlicense', 'Zlib'],
  // foreachasync, which rclnodejs brings where ROS is installed, writes Apache-2.0 in this way.
  'Apache2',
]);

/**
 * Packages for development of which the bundles contain a part: they serve `filesync demo`, make the web page, and speak with object
 * stores.
 */
const BUNDLED = ['@aws-sdk/client-s3', 'busboy', 'ftp-srv', 'preact', '@preact/signals', 'uplot'];

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}
interface Manifest {
  readonly license?: unknown;
  readonly licenses?: readonly { readonly type?: string }[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const readJson = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(join(ROOT, path), 'utf8')) as unknown;
const lock = async () => (await readJson('package-lock.json')) as Lock;

/** Folders of the packages that an installation without those for development has. */
const shipped = ({ packages }: Lock): string[] =>
  Object.entries(packages).flatMap(([folder, { dev }]) => (folder === '' || dev === true ? [] : [folder]));

/** Where Node finds a package for the code in `from`. */
function folderOf({ packages }: Lock, name: string, from: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const folder = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[folder]) return folder;
    if (at === '') return undefined;
  }
}

/** A package and all that it needs. */
function withNeeds(all: Lock, name: string, from = '', found = new Set<string>()): ReadonlySet<string> {
  const folder = folderOf(all, name, from);
  assert.ok(folder !== undefined, `${name} is not in package-lock.json`);
  if (found.has(folder)) return found;
  found.add(folder);
  for (const need of Object.keys(all.packages[folder]?.dependencies ?? {}))
    withNeeds(all, need, folder, found);
  return found;
}

function licenceOf({ license, licenses = [] }: Manifest): string {
  return typeof license === 'string' ? license : licenses.map(({ type }) => type).join(' OR ');
}

/** Whether an SPDX expression allows one of the licences: one of those behind `OR`, and all of those behind `AND`. */
function isAllowed(expression: string): boolean {
  const text = expression.replace(/^\((.*)\)$/, '$1');
  const all = (part: string) => part.split(/ AND /).every(name => ALLOWED.has(name.trim()));
  return !/[()]/.test(text) && text.split(/ OR /).some(all);
}

describe('dependencies', () => {
  it('are licensed so that we may ship them', async function () {
    const all = await lock();
    const folders = new Set([...shipped(all), ...BUNDLED.flatMap(name => [...withNeeds(all, name)])]);
    const refused: string[] = [];
    let read = 0;
    for (const folder of folders) {
      const manifest = (await readJson(`${folder}/package.json`).catch((error: unknown) => {
        // A package for another machine, or one that could not be built here.
        if (all.packages[folder]?.optional === true) return undefined;
        throw error;
      })) as Manifest | undefined;
      if (!manifest) continue;
      read++;
      const licence = licenceOf(manifest);
      if (!isAllowed(licence)) refused.push(`${folder}: ${licence || 'no licence'}`);
    }
    assert.deepEqual(refused, []);
    assert.ok(read > 30, `${read} packages`);
  });

  it('of the demo are not installed with the program', async () => {
    const { dependencies, optionalDependencies } = (await readJson('package.json')) as Manifest;
    const names = Object.keys({ ...dependencies, ...optionalDependencies });
    const installed = shipped(await lock());
    for (const name of [...BUNDLED, 'ip', 'bunyan', 'lodash', 'moment']) {
      assert.ok(!names.includes(name), name);
      assert.ok(!installed.includes(`node_modules/${name}`), name);
    }
  });

  it('are compared with the list word by word', () => {
    const allowed = ['MIT', '(MIT OR GPL-3.0)', 'MIT AND ISC', 'GPL-3.0 OR Apache-2.0'];
    assert.deepEqual(allowed.filter(isAllowed), allowed);
    const refused = ['', 'GPL-3.0', 'MIT AND GPL-3.0', 'SEE LICENSE IN x', 'UNLICENSED'];
    assert.deepEqual(refused.filter(isAllowed), []);
  });
});
