// Prints the copyright file of the Debian package: the licence of the program, then those of all packages whose source is
// in the bundles, which their source maps list.
//
// Usage: node packaging/copyright.js FOLDER_OF_BUNDLES...
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';

const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/;
const APACHE_2 = /Apache License\s+Version 2\.0/;
const APACHE_2_PLACE = '/usr/share/common-licenses/Apache-2.0';
const HOLDER = /^\s*Copyright (\(c\) )?\d{4}.*$/gim;
const LICENSE = /^(licen[cs]e|copying)(\.(md|txt))?$/i;

/** Absolute folders of the packages. */
async function packagesIn(folders) {
  const found = new Set();
  for (const folder of folders) {
    for (const name of (await readdir(folder)).filter(file => file.endsWith('.js.map'))) {
      const { sources } = JSON.parse(await readFile(join(folder, name), 'utf8'));
      for (const source of sources) {
        const match = PACKAGE.exec(resolve(dirname(join(folder, name)), source));
        if (match) found.add(match[0]);
      }
    }
  }
  return found;
}

async function noticeOf(folder) {
  const { name, version, license, author } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).sort().find(entry => LICENSE.test(entry));
  const by = typeof author === 'string' ? author : author?.name;
  const head = `${name} ${version} (${license})${by ? `, by ${by}` : ''}`;
  const text = file ? await readFile(join(folder, file), 'utf8') : '';
  const parts = [`${head}\n${'-'.repeat(head.length)}`, shortened(text.replaceAll('\r', '')).trim()];
  return `${parts.filter(part => part !== '').join('\n\n')}\n`;
}

/** Debian has one copy of the Apache License for all packages. */
function shortened(text) {
  if (!APACHE_2.test(text)) return text;
  const holders = (text.match(HOLDER) ?? []).map(line => line.trim());
  return [...holders, `The text of the licence is in ${APACHE_2_PLACE}.`].join('\n');
}

const notices = await Promise.all([...(await packagesIn(process.argv.slice(2)))].map(noticeOf));
const parts = [
  'FileSync is licensed under the Apache License, Version 2.0. On Debian systems, the text of that licence is in',
  `${APACHE_2_PLACE}.\n`,
  'The program contains these packages of https://www.npmjs.com:\n',
  ...[...new Set(notices)].sort(),
];
process.stdout.write(`${parts.join('\n')}\n`);
