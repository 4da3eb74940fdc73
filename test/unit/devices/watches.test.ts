import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import type { Subscription } from 'rxjs';
import { DirectorySource } from '../../../src/devices/directory/source.js';
import { eventually, leavesNoHandles, listed } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

describe('directory source, hints', () => {
  let root: string;
  let logger: RecordingLogger;
  let source: DirectorySource;
  let subscription: Subscription;
  let hints: number;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    const home = await temporaryFolder();
    cleanUp = home.remove;
    root = join(home.path, 'inbox');
    await mkdir(root);
    logger = new RecordingLogger();
    source = new DirectorySource(root, deviceContext({ logger }));
    hints = 0;
    subscription = source.changes.subscribe(() => hints++);
  });
  afterEach(async () => {
    await source.close();
    await cleanUp();
  });

  /** Resolves when the work has been hinted at. */
  async function isHinted(work: () => Promise<unknown>): Promise<void> {
    const before = hints;
    await work();
    await eventually(async () => hints > before);
  }

  /** Changes of the past may still be on their way: what is hinted at last is this file. */
  async function isNotHinted(work: () => Promise<unknown>): Promise<void> {
    await isHinted(() => mkdir(join(root, 'before')));
    const before = hints;
    await work();
    await isHinted(() => mkdir(join(root, 'after')));
    assert.ok(hints <= before + 1, `${hints - before} hints`);
  }

  it('tells of files that come, grow and go, at the top and in folders that came later', async () => {
    await listed(source);
    await isHinted(() => writeFile(join(root, 'a'), 'x'));
    await isHinted(() => writeFile(join(root, 'a'), 'y', { flag: 'a' }));
    await isHinted(() => mkdir(join(root, 'day/two'), { recursive: true }));
    await listed(source);
    await isHinted(() => writeFile(join(root, 'day/two/b'), 'x'));
    await isHinted(() => rm(join(root, 'a')));
  });

  it('watches nothing behind a link, and minds no upload of ours that is not finished', async () => {
    await mkdir(join(root, '../outside'));
    await symlink(join(root, '../outside'), join(root, 'link'));
    await listed(source);
    await isNotHinted(async () => {
      await writeFile(join(root, '../outside/a'), 'x');
      await writeFile(join(root, 'a.0123456789abcdef.part'), 'x');
    });
  });

  it('watches the folder that has come in the place of another', async () => {
    await listed(source);
    await rm(root, { recursive: true });
    await mkdir(root);
    await listed(source);
    await isHinted(() => writeFile(join(root, 'a'), 'x'));
  });

  it('watches nothing without a listener, and nothing once it is closed', async () => {
    await listed(source);
    subscription.unsubscribe();
    await listed(source);
    await writeFile(join(root, 'a'), 'x');
    let ended = false;
    source.changes.subscribe({ next: () => hints++, complete: () => (ended = true) });
    await source.close();
    await listed(source);
    await writeFile(join(root, 'b'), 'x');
    assert.deepEqual([ended, hints], [true, 0]);
  });

  it('falls back to polling, with one line in the log, where there are not enough watches', async () => {
    const { watch } = fs;
    fs.watch = () => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    syncBuiltinESMExports();
    try {
      await mkdir(join(root, 'day'));
      await listed(source);
      await listed(source);
    } finally {
      fs.watch = watch;
      syncBuiltinESMExports();
    }
    const lines = logger.messages().filter(line => /watched/.test(line));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /max_user_watches/);
  });

  it('leaves no handle open, however often folders come and go', () =>
    leavesNoHandles(async index => {
      await mkdir(join(root, `${index}`));
      await listed(source);
      await rm(join(root, `${index}`), { recursive: true });
      await listed(source);
    }));
});
