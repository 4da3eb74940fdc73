import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mavlinkBench, type MavlinkBench } from '../../conformance/mavlink-bench.js';
import { collect, listed, sample } from '../../conformance/support.js';
import { PX4 } from '../../../src/sim/personality.js';

const never = new AbortController().signal;
const LOG = Buffer.from(sample(40_000, 3));

describe('A vehicle that sends its replies to all components (PX4 before 1.11)', () => {
  let bench: MavlinkBench;

  beforeEach(async () => {
    bench = await mavlinkBench({ like: { ...PX4, replies: { ...PX4.replies, toAllComponents: true } } });
    await writeFile(join(bench.card, 'log', 'a.ulg'), LOG);
  });

  afterEach(() => bench.close());

  it('is listed and read', async () => {
    const files = await listed(bench.source);
    assert.deepEqual(
      files.map(({ path, size }) => ({ path, size })),
      [{ path: 'a.ulg', size: LOG.length }],
    );
    const [file] = files;
    assert.ok(file);
    assert.deepEqual(await collect(bench.source.read(file, 0, never)), LOG);
  });
});
