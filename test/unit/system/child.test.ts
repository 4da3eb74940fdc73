import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { killChildren, outputOf, runChild } from '../../../src/system/child.js';
import type { ErrorKind } from '../../../src/errors.js';
import { eventually, failsWith, openHandles } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const LONG = 3_600_000;
const remedy = 'install the package dash';
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
    return runChild('sh', ['-c', `cd ${home}; ${script}`], { env, remedy, ms: LONG, ...options });
  };

  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const begun = () => eventually(() => exists(join(home, 'pid')));
  /** A child that has ended is no zombie, since Node waits for it. */
  const gone = async () => !(await exists(`/proc/${(await readFile(join(home, 'pid'), 'utf8')).trim()}`));

  it('returns exit code or signal, and what was printed', async () => {
    assert.deepEqual(await run('echo out; echo error >&2; exit 3'), {
      ...{ code: 3, stdout: 'out\n', stderr: 'error\n' },
    });
    assert.deepEqual(await run('kill -9 $$'), {
      ...{ code: -1, signal: 'SIGKILL', stdout: '', stderr: '' },
    });
  });

  it('gives the child its input, which ends, and does not mind a child that reads none', async () => {
    const options = { env: { PATH: '/usr/bin:/bin' }, remedy, ms: LONG, input: 'x'.repeat(1_000_000) };
    assert.equal((await runChild('wc', ['-c'], options)).stdout.trim(), '1000000');
    assert.equal((await runChild('true', [], options)).code, 0);
  });

  it('names the remedy for one that is too slow', async () => {
    const options = { env: { PATH: '/usr/bin:/bin' }, remedy, ms: 1, slow: 'make it faster' };
    const { message } = await failsWith(() => runChild('sleep', ['3600'], options), 'timeout');
    assert.equal(message, 'sleep did not end within 0.001 s: make it faster');
  });

  it('searches the given PATH alone', async () => {
    const tool = join(home, 'some-tool');
    await writeFile(tool, '#!/bin/sh\necho "$0"', { mode: 0o755 });
    const found = await runChild('some-tool', [], { env: { PATH: home }, remedy, ms: LONG });
    assert.equal(found.stdout, `${tool}\n`);
    const missing = () => runChild('some-tool', [], { env: { PATH: '/bin' }, remedy, ms: LONG });
    const { message } = await failsWith(missing, 'unavailable');
    assert.equal(message, `some-tool is not installed: ${remedy}`);
  });

  it('names what keeps it from being started', async () => {
    const tool = join(home, 'some-tool');
    const start = () => runChild('some-tool', [], { env: { PATH: home }, remedy, ms: LONG });
    await writeFile(tool, '#!/bin/sh', { mode: 0o644 });
    assert.match((await failsWith(start, 'denied')).message, /^some-tool may not be run: .*right/);
    const long = () => runChild('true', ['x'.repeat(4_000_000)], { env: { PATH: '/bin' }, remedy, ms: LONG });
    assert.equal((await failsWith(long, 'io')).message, 'true cannot be started (E2BIG)');
  });

  const outcomes: [string, string, ErrorKind, RegExp][] = [
    ['an exit code', 'echo no >&2; exit 3', 'io', /^sh ended with exit code 3$/],
    ['a signal', 'kill -TERM $$', 'io', /^sh was ended by the signal SIGTERM$/],
    ['SIGKILL', 'kill -KILL $$', 'io', /^sh was killed: .*memory/],
    ['its time', 'sleep 3600', 'timeout', /^sh did not end within 0\.5 s: .*dmesg/],
    ['too much output', 'yes', 'protocol', /^sh prints more than 16\.8 MB$/],
  ];
  for (const [what, script, kind, message] of outcomes) {
    it(`of one whose output is wanted, ${what} is an error`, async () => {
      const options = { env: { PATH: '/usr/bin:/bin' }, remedy, ms: kind === 'timeout' ? 500 : 20_000 };
      const error = await failsWith(() => outputOf('sh', ['-c', script], options), kind);
      assert.match(error.message, message);
    });
  }

  it('the output that is wanted is trimmed', async () => {
    assert.equal(await outputOf('echo', [' yes '], { env: { PATH: '/bin' }, remedy, ms: LONG }), 'yes');
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

  it('at the end of the program each is asked to end', async () => {
    const running = run(POLITE);
    await begun();
    killChildren();
    assert.equal((await running).code, 0);
    assert.equal(await gone(), true);
  });
});
