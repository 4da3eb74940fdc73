import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { reportToServiceManager } from '../../src/system/service-manager.js';
import { eventually } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { VirtualClock } from '../fakes/virtual-clock.js';

const WATCHDOG_USEC = '20000000';

describe('service manager', () => {
  let folder: string;
  let remove: () => Promise<void>;
  let clock: VirtualClock;
  let logger: RecordingLogger;
  let verdicts: Subject<string>;

  beforeEach(async () => {
    ({ path: folder, remove } = await temporaryFolder());
    clock = new VirtualClock();
    logger = new RecordingLogger();
    verdicts = new Subject();
    await program('printf "%s|%s\\n" "$NOTIFY_SOCKET" "$*" >> "${0%/*}/sent"');
  });
  afterEach(() => remove());

  /** What stands for systemd-notify. */
  const program = (script: string) =>
    writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

  const sent = async () => {
    const text = await readFile(join(folder, 'sent'), 'utf8').catch(() => '');
    return text.split('\n').filter(line => line !== '');
  };
  const begin = (env: Record<string, string> = {}) => {
    const PATH = `${folder}:/usr/bin:/bin`;
    return reportToServiceManager({
      env: { NOTIFY_SOCKET: '/run/test', PATH, ...env },
      ...{ clock, logger, verdicts },
    });
  };
  const hasSent = (...messages: string[]) =>
    eventually(async () => (await sent()).join() === messages.map(text => `/run/test|${text}`).join());

  it('reports that the daemon is ready, and each verdict after it', async () => {
    using _reports = begin();
    verdicts.next('all delivered');
    await hasSent('--ready', '--status=all delivered');
  });

  it('reports only the last of verdicts that follow each other within three seconds', async () => {
    using _reports = begin();
    for (const verdict of ['a', 'a', 'b', 'c']) verdicts.next(verdict);
    await hasSent('--ready', '--status=a');
    await clock.advance(2_900);
    assert.equal((await sent()).length, 2);
    await clock.advance(100);
    await hasSent('--ready', '--status=a', '--status=c');
  });

  it('keeps the watchdog alive at half of its interval until it is disposed of', async () => {
    const reports = begin({ WATCHDOG_USEC });
    await hasSent('--ready');
    await clock.advance(9_999);
    assert.equal((await sent()).length, 1);
    await clock.advance(1);
    await hasSent('--ready', 'WATCHDOG=1');
    await eventually(async () => clock.sleeping === 1);
    await clock.advance(10_000);
    await hasSent('--ready', 'WATCHDOG=1', 'WATCHDOG=1');
    reports[Symbol.dispose]();
    assert.equal(clock.sleeping, 0);
  });

  it('leaves the watchdog of another process alone', async () => {
    using _reports = begin({ WATCHDOG_USEC, WATCHDOG_PID: '1' });
    await hasSent('--ready');
    assert.equal(clock.sleeping, 0);
  });

  it('starts nothing without a service manager', async () => {
    using _reports = begin({ NOTIFY_SOCKET: '', WATCHDOG_USEC });
    verdicts.next('a');
    assert.equal(clock.sleeping, 0);
    assert.equal(verdicts.observed, false);
    assert.deepEqual(await sent(), []);
  });

  it('logs the first failure, at debug, and goes on', async () => {
    await program('echo "$*" >> "${0%/*}/sent"; echo "No such socket" >&2; exit 1');
    using _reports = begin();
    verdicts.next('a');
    await eventually(async () => (await sent()).length === 2);
    await clock.advance(3_000);
    verdicts.next('b');
    await eventually(async () => (await sent()).length === 3);
    await eventually(async () => logger.entries.length === 1);
    assert.match(
      logger.messages('debug').join(),
      /^the service manager was not reached: systemd-notify .*No such socket/,
    );
  });

  it('logs where systemd-notify is missing', async () => {
    using _reports = begin({ PATH: join(folder, 'nothing') });
    await eventually(async () => /install the package systemd/.test(logger.messages('debug').join()));
  });
});
