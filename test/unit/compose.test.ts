import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDevices } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { closeDevices, type Device } from '../../src/engine/devices.js';
import type { Source } from '../../src/ports.js';
import { systemClock } from '../../src/system/clock.js';
import { listed } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

const never = new AbortController().signal;

/** Three folders with a file each: the first two share a lock. */
async function withDevices(test: (sources: Source[]) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'filesync.yaml');
  const device = (name: string, lock: string) =>
    `  ${name}: { type: directory, path: ./${name}, lock: ${lock} }\n`;
  const devices = device('a', 'bus') + device('b', 'bus') + device('c', 'other');
  await writeFile(file, `local: ./data\ndevices:\n${devices}rules: []\n`);
  for (const name of ['a', 'b', 'c']) {
    await mkdir(join(folder.path, name));
    await writeFile(join(folder.path, name, 'file'), name);
  }
  const around = { env: {}, hostname: 'pi', clock: systemClock, logger: new RecordingLogger() };
  const made: Device[] = await makeDevices(
    await loadConfig(file, { env: {}, deviceTypes }),
    around,
    'to probe',
  );
  try {
    await test(made.flatMap(({ source }) => source ?? []));
  } finally {
    await closeDevices(made);
    await folder.remove();
  }
}

/** `source`, `target` or both, by device. */
async function endsOf(rules: string, idle: 'without' | 'to probe'): Promise<Record<string, string>> {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'filesync.yaml');
  const folders = ['a', 'b', 'c'].map(name => `  ${name}: { type: directory, path: ./${name} }\n`).join('');
  const site = '  site: { type: http, url: "http://127.0.0.1:1/" }\n';
  await writeFile(file, `local: ./data\ndevices:\n${folders}${site}rules: ${rules}\n`);
  const around = { env: {}, hostname: 'pi', clock: systemClock, logger: new RecordingLogger() };
  const made = await makeDevices(await loadConfig(file, { env: {}, deviceTypes }), around, idle);
  await closeDevices(made);
  await folder.remove();
  const ends = ({ source, target }: Device) =>
    [source && 'source', target && 'target'].filter(Boolean).join();
  return Object.fromEntries(made.map(device => [device.name, ends(device)]));
}

describe('devices of a configuration', () => {
  it('have the ends that rules use; one in no rule is looked at as a source, where it can be one', async () => {
    const rules = '[{ from: a, to: [b] }]';
    const used = { a: 'source', b: 'target' };
    assert.deepEqual(await endsOf(rules, 'without'), { ...used, c: '', site: '' });
    assert.deepEqual(await endsOf(rules, 'to probe'), { ...used, c: 'source', site: 'target' });
  });

  it('that name the same lock are never used at the same time; others are', () =>
    withDevices(async ([a, b, c]) => {
      assert.ok(a && b && c);
      const order: string[] = [];
      const listing = a.list(never)[Symbol.asyncIterator]();
      await listing.next();
      const waiting = listed(b).then(() => order.push('b'));
      await listed(c).then(() => order.push('c'));
      await systemClock.sleep(20);
      order.push('a ends');
      await listing.return?.();
      await waiting;
      assert.deepEqual(order, ['c', 'a ends', 'b']);
    }));
});
