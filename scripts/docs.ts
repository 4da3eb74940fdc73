import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { apiSchema } from './api-schema.js';
import { replacePart, withReference } from './options-reference.js';
import { openApi } from '../src/api/openapi.js';
import { routes } from '../src/api/routes.js';
import { exportSchema } from '../src/db/export-schema.js';
import { deviceTypes } from '../src/devices/registry.js';
import { commandFiles } from './command-files.js';
import { eventTable } from './event-table.js';
import { messageList, remedies } from './messages.js';
import { readInterfaces, rosReference } from './ros-reference.js';

// Brings docs/api.schema.json, docs/export.schema.json, docs/openapi.json and the generated parts of docs/ARCHITECTURE.md, docs/CONFIGURATION.md, docs/ROS.md and
// docs/TROUBLESHOOTING.md up to date, and makes the man page and the shells' completions.

const at = (path: string) => new URL(`../${path}`, import.meta.url);

async function update(path: string, change: (document: string) => string): Promise<void> {
  await writeFile(at(path), change(await readFile(at(path), 'utf8')));
}

const example = await readFile(at('config/filesync.yaml'), 'utf8');
await update('docs/CONFIGURATION.md', document => withReference(document, example, deviceTypes));

await update('docs/ARCHITECTURE.md', document => replacePart(document, 'events', eventTable()));

await writeFile(at('docs/api.schema.json'), apiSchema());
await writeFile(at('docs/export.schema.json'), exportSchema());
await writeFile(at('docs/openapi.json'), `${JSON.stringify(openApi(routes), undefined, 2)}\n`);

const list = messageList(await remedies(at('src/')));
await update('docs/TROUBLESHOOTING.md', document => replacePart(document, 'messages', list));

const messages = rosReference(await readInterfaces(at('msg/')));
const services = rosReference(await readInterfaces(at('srv/')));
await update('docs/ROS.md', document =>
  replacePart(replacePart(document, 'messages', messages), 'services', services),
);

for (const [path, text] of Object.entries(await commandFiles())) {
  await mkdir(new URL('.', at(path)), { recursive: true });
  await writeFile(at(path), text);
}
