import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSyncError } from '../../src/errors.js';
import { makeDevices } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load.js';
import { deviceTypes } from '../../src/devices/registry.js';
import { systemClock } from '../../src/system/clock.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

async function load(device: string) {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'filesync.yaml');
  const archive = 'archive: { type: directory, path: ./out }';
  const rules = 'rules: [{ from: autopilot, to: [archive] }]';
  await writeFile(file, `local: ./data\ndevices:\n  autopilot: ${device}\n  ${archive}\n${rules}\n`);
  return loadConfig(file, { env: {}, deviceTypes }).finally(() => folder.remove());
}

describe('mavros device without a ROS graph', () => {
  it('has valid options, and says that it needs the node', async () => {
    const config = await load('{ type: mavros, namespace: /drone/mavros, transport: auto }');
    const around = { env: {}, hostname: 'pi', clock: systemClock, logger: new RecordingLogger() };
    const isHelpful = (error: unknown) =>
      error instanceof FileSyncError && error.kind === 'config' && /filesync node/.test(error.message);
    await assert.rejects(makeDevices(config, around, 'to probe'), isHelpful);
  });

  it('refuses a namespace that is none', async () => {
    await assert.rejects(load('{ type: mavros, namespace: mavros }'), /namespace.*absolute name/s);
  });
});
