import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { graphCases } from './graph-conformance.js';
import { requireRos, type Ros } from './real.js';

const CHILD = fileURLToPath(new URL('graph-child.ts', import.meta.url));

interface Outcome {
  readonly title: string;
  readonly error?: string;
}

describe('Graph on rclnodejs', () => {
  let ros: Ros;
  const outcomes = new Map<string, Outcome>();

  before(async function () {
    ros = await requireRos(this, 0);
    this.timeout(300_000);
    const { code, output } = await ros.start(process.execPath, ['--import=tsx', CHILD]).ended;
    const lines = output.split('\n').filter(line => line.startsWith('{"title"'));
    for (const line of lines.map(text => JSON.parse(text) as Outcome)) outcomes.set(line.title, line);
    assert.equal(code, 0, output);
  });

  after(() => ros?.close());

  for (const title of Object.keys(graphCases)) {
    it(title, () => {
      const outcome = outcomes.get(title);
      assert.ok(outcome, 'it did not run');
      assert.equal(outcome.error, undefined, outcome.error);
    });
  }
});
