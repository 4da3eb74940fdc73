import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, runIn, succeeds } from './machine.js';

const SCRIPT = fileURLToPath(new URL('../../packaging/deb.sh', import.meta.url));

/** Builds the package of the program and returns its path. */
export async function buildPackage(OUTPUT: string, env: Record<string, string> = {}): Promise<string> {
  return (await succeeds(runIn({ OUTPUT, ...env }, 'bash', SCRIPT))).trim();
}

/** Debian's own Node is too old: this machine's one stands for that of the package nodejs. Returns the package's path. */
export async function nodePackage(folder: string): Promise<string> {
  const root = join(folder, 'nodejs');
  const version = process.versions.node;
  await mkdir(join(root, 'DEBIAN'), { recursive: true });
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  const control = { Package: 'nodejs', Version: version, Architecture: 'all', Maintainer: 'x <x@x>' };
  const fields = Object.entries({ ...control, Description: 'Node' }).map(
    ([key, value]) => `${key}: ${value}\n`,
  );
  await writeFile(join(root, 'DEBIAN/control'), fields.join(''));
  await copyFile(process.execPath, join(root, 'usr/bin/node'));
  await succeeds(run('dpkg-deb', '-Znone', '--build', root, `${root}.deb`));
  return `${root}.deb`;
}

/** The same package with a higher version. Returns its path. */
export async function nextVersion(folder: string, built: string): Promise<string> {
  const root = join(folder, 'next');
  await succeeds(run('dpkg-deb', '--raw-extract', built, root));
  const control = join(root, 'DEBIAN/control');
  const text = await readFile(control, 'utf8');
  await writeFile(control, text.replace(/^(Version: .*)$/m, '$1+next'));
  await succeeds(run('dpkg-deb', '-Zgzip', '--build', root, `${root}.deb`));
  return `${root}.deb`;
}
