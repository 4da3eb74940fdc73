import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { TimeSync, type TimeSyncOptions } from '../../../src/system/time-sync.js';
import { eventually } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';

const TODAY = Date.UTC(2026, 10, 29);
const MODULE = pathToFileURL(join(import.meta.dirname, '../../../src/system/time-sync.ts')).href;

describe('time synchronisation', () => {
  let home: string;
  let flag: string;
  let asked: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    ({ path: home, remove: cleanUp } = await temporaryFolder());
    [flag, asked] = [join(home, 'synchronized'), join(home, 'asked')];
    await writeFile(asked, '');
  });
  afterEach(() => cleanUp());

  /** A program that notes each call and then does as the shell script says. */
  const saying = (script: string): TimeSyncOptions['command'] => [
    'sh',
    '-c',
    `echo >>"$0"; ${script}`,
    asked,
  ];
  const calls = async (): Promise<number> => (await readFile(asked)).length;
  const made = (script: string, over: Partial<TimeSyncOptions> = {}) =>
    new TimeSync(() => TODAY, {
      flag,
      command: saying(script),
      intervalMs: 3_600_000,
      flagIntervalMs: 0,
      ...over,
    });

  /** What it says once the program has ended that many times. */
  async function after(sync: TimeSync, count: number, wanted: boolean): Promise<void> {
    await eventually(async () => sync.synchronised === wanted && (await calls()) >= count);
  }

  it('the file of timesyncd says yes, and the command is not run', async () => {
    await writeFile(flag, '');
    assert.equal(made('echo no').synchronised, true);
    assert.equal(await calls(), 0);
  });

  it('is not known until the first answer, which is not waited for', async () => {
    const sync = made(`while [ ! -e "${home}/go" ]; do sleep 0.01; done; echo yes`);
    assert.equal(sync.synchronised, false);
    await writeFile(join(home, 'go'), '');
    await after(sync, 1, true);
  });

  it('asks again while the answer is no, and no more once it is yes', async () => {
    const sync = made(`[ -e "${home}/set" ] && echo yes || echo no`, { intervalMs: 1 });
    assert.equal(sync.synchronised, false);
    await eventually(async () => (await calls()) >= 3);
    assert.equal(sync.synchronised, false);
    await appendFile(join(home, 'set'), '');
    await after(sync, 4, true);
    const last = await calls();
    await delay(50);
    assert.equal(await calls(), last);
    assert.equal(sync.synchronised, true);
  });

  it('asks at most once an interval, however often it is read', async () => {
    const sync = made('echo no');
    await eventually(async () => !sync.synchronised && (await calls()) === 1);
    for (let count = 0; count < 1000; count++) assert.equal(sync.synchronised, false);
    assert.equal(await calls(), 1);
  });

  it('timesyncd may set the clock although the program said no', async () => {
    const sync = made('echo no', { flagIntervalMs: 1 });
    assert.equal(sync.synchronised, false);
    await writeFile(flag, '');
    await eventually(async () => sync.synchronised);
  });

  it('checks for that file once an interval, however often it is read', async () => {
    const sync = made('echo no', { flagIntervalMs: 3_600_000 });
    assert.equal(sync.synchronised, false);
    await writeFile(flag, '');
    assert.equal(sync.synchronised, false);
  });

  const silent: [string, Partial<TimeSyncOptions>][] = [
    ['fails', { command: ['sh', '-c', 'echo yes; exit 1'] }],
    ['is not there', { command: [join('/nowhere', 'timedatectl')] }],
    ['says something else', { command: ['sh', '-c', 'echo n/a'] }],
    ['does not end', { command: ['sh', '-c', 'sleep 3600'], timeoutMs: 50 }],
  ];
  for (const [what, over] of silent) {
    it(`where the program ${what}, a time after the floor is right, and one before is not`, async () => {
      let now = TODAY;
      const sync = new TimeSync(() => now, { flag, intervalMs: 3_600_000, ...over });
      assert.equal(sync.synchronised, false);
      await eventually(async () => sync.synchronised);
      now = Date.UTC(2024, 11, 31);
      assert.equal(sync.synchronised, false);
    });
  }

  it('does not keep the program alive, not even while the answer is awaited', async () => {
    const script = `
      const { TimeSync } = await import(${JSON.stringify(MODULE)});
      const options = { flag: '/nowhere', timeout: 600_000 };
      console.log(new TimeSync(Date.now, { ...options, command: ['sleep', '600'] }).synchronised);
      const idle = new TimeSync(Date.now, { ...options, command: ['echo', 'no'], interval: 600_000 });
      console.log(idle.synchronised);
      await new Promise(resolve => setTimeout(resolve, 200));`;
    const args = ['--import=tsx', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 25_000 });
    assert.equal(stdout, 'false\nfalse\n');
  });
});
