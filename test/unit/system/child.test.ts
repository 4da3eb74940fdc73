import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { killChildren, runChild } from '../../../src/system/child.js';
import { eventually, failsWith, openHandles } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const LONG = 3_600_000;
/** Leaves its process number behind. */
const MARK = 'echo $$ > pid.new; mv pid.new pid';
/** Ends by SIGKILL alone. */
const STUBBORN = `trap '' TERM; ${MARK}; exec sleep 3600`;
/** Ends when it is asked to, and says so. */
const POLITE = `trap 'echo asked > asked; kill $!; exit 0' TERM; ${MARK}; sleep 3600 >/dev/null 2>&1 & wait`;

describe('runChild', () => {
  let home: string;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    ({ path: home, remove } = await temporaryFolder());
  });
  afterEach(() => remove());

  /** Runs a script of the shell. */
  const run = (script: string, options: { ms?: number; signal?: AbortSignal } = {}) => {
    const env = { PATH: '/usr/bin:/bin' };
    return runChild('sh', ['-c', `cd ${home}; ${script}`], { env, ms: LONG, ...options });
  };

  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const begun = () => eventually(() => exists(join(home, 'pid')));
  /** A child that has ended is no zombie, since Node waits for it. */
  const gone = async () => !(await exists(`/proc/${(await readFile(join(home, 'pid'), 'utf8')).trim()}`));

  it('gives what came of it', async () => {
    assert.deepEqual(await run('echo out; echo error >&2; exit 3'), {
      ...{ code: 3, stdout: 'out\n', stderr: 'error\n' },
    });
    assert.deepEqual(await run('kill -9 $$'), { code: -1, stdout: '', stderr: '' });
  });

  it('looks for it in the given PATH alone', async () => {
    const tool = join(home, 'some-tool');
    await writeFile(tool, '#!/bin/sh\necho "$0"', { mode: 0o755 });
    const found = await runChild('some-tool', [], { env: { PATH: home }, ms: LONG });
    assert.equal(found.stdout, `${tool}\n`);
    const missing = runChild('some-tool', [], { env: { PATH: '/bin' }, ms: LONG });
    await assert.rejects(missing, { code: 'ENOENT' });
  });

  it('asks it to end when its time is over', async () => {
    const error = await failsWith(() => run(POLITE, { ms: 500 }), 'timeout');
    assert.match(error.message, /^sh did not end within 0\.5 s: .*dmesg/);
    if (await exists(join(home, 'pid'))) await eventually(gone);
  });

  it('asks it to end at the abort, and does not wait for that', async () => {
    const stop = new AbortController();
    const running = failsWith(() => run(POLITE, { signal: stop.signal }), 'cancelled');
    await begun();
    stop.abort();
    await running;
    await eventually(() => exists(join(home, 'asked')));
    await eventually(gone);
  });

  it('kills one that does not end when it is asked to, and holds nothing of it meanwhile', async () => {
    const handles = await openHandles();
    const stop = new AbortController();
    const running = failsWith(() => run(STUBBORN, { signal: stop.signal }), 'cancelled');
    await begun();
    stop.abort();
    await running;
    await eventually(async () => (await openHandles()) <= handles);
    await eventually(gone);
  });

  it('begins nothing for an aborted signal', async () => {
    await failsWith(() => run(MARK, { signal: AbortSignal.abort() }), 'cancelled');
    assert.equal(await exists(join(home, 'pid')), false);
  });

  it('does not run the same command again while one is left that cannot be killed', async () => {
    const stop = new AbortController();
    const running = failsWith(() => run(STUBBORN, { signal: stop.signal }), 'cancelled');
    await begun();
    stop.abort();
    await running;
    killChildren();
    assert.match((await failsWith(() => run(STUBBORN), 'timeout')).message, /cannot even be killed/);
    await eventually(gone);
    assert.equal((await run('echo again')).stdout, 'again\n');
  });

  it('at the end of the program each is told', async () => {
    const running = run(POLITE);
    await begun();
    killChildren();
    assert.equal((await running).code, 0);
    assert.equal(await gone(), true);
  });
});
