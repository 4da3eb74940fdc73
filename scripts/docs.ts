import { readFile, writeFile } from 'node:fs/promises';
import { withReference } from '../src/config/reference.js';
import { deviceTypes } from '../src/devices/registry.js';

// Brings the generated parts of docs/CONFIGURATION.md up to date.

const document = new URL('../docs/CONFIGURATION.md', import.meta.url);
const example = new URL('../config/filesync.yaml', import.meta.url);

await writeFile(
  document,
  withReference(await readFile(document, 'utf8'), await readFile(example, 'utf8'), deviceTypes),
);
