import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import { DirectorySource } from '../../../src/devices/directory/source.js';
import { DirectoryTarget } from '../../../src/devices/directory/target.js';
import type { Availability, Source, SourceFile, Target } from '../../../src/ports.js';
import {
  collect,
  eventually,
  failsWith,
  leavesNoHandles,
  listed,
  sample,
} from '../../conformance/support.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { HangingMount, whyNoFuse } from '../../servers/hanging-mount.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';

const TIMEOUT = 300;
const bytes = sample(3_000_000);

describe('directory on a mount that hangs', function () {
  let mount: HangingMount;
  let source: DirectorySource;
  let logger: RecordingLogger;
  let target: DirectoryTarget;

  before(async function () {
    const reason = await whyNoFuse();
    if (reason === undefined) return;
    console.log(`    skipped: ${reason}`);
    this.skip();
  });

  beforeEach(async () => {
    mount = await HangingMount.make();
    logger = new RecordingLogger();
    source = new DirectorySource(mount.path, deviceContext({ name: 'share', logger }), { timeout: TIMEOUT });
    target = new DirectoryTarget(mount.path, deviceContext({ name: 'share' }), TIMEOUT);
    await writeFile(join(mount.behind, 'log.ulg'), bytes);
  });
  afterEach(async () => {
    await Promise.all([source.close(), target.close()]);
    await mount.close();
  });

  async function only(): Promise<SourceFile> {
    const [file] = await listed(source);
    assert.ok(file);
    return file;
  }

  const becomes = (end: Source | Target, wanted: boolean): Promise<Availability> =>
    firstValueFrom(end.availability.pipe(filter(({ available }) => available === wanted)));

  it('reads and writes while it does not', async () => {
    assert.ok((await collect(source.read(await only(), 0, never))).equals(bytes));
    await target.write(outgoing(bytes), 'day/copy.ulg', 0, never, new Events());
    assert.ok((await readFile(join(mount.behind, 'day/copy.ulg'))).equals(bytes));
  });

  it('may have unseen writers, and reports the space that its server reports', async () => {
    const writer = spawn('sh', ['-c', 'exec 3>>log.ulg; echo ready; read line'], { cwd: mount.path });
    await once(writer.stdout, 'data');
    assert.deepEqual(await source.writers(['log.ulg'], never), { open: new Set(), complete: false });
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const { total } = await source.space(never);
    const { blocks, bsize } = await statfs(mount.behind);
    assert.equal(total, blocks * bsize);
    assert.equal(await source.volume(never), undefined);
  });

  it('below a folder of this machine its files may be written to unseen, too, and others may not', async () => {
    const outside = new DirectorySource(dirname(mount.path), deviceContext());
    await writeFile(join(dirname(mount.path), 'own'), bytes);
    const writer = spawn('sh', ['-c', 'exec 3>>../own; echo ready; read line'], { cwd: mount.behind });
    await once(writer.stdout, 'data');
    const { open, complete } = await outside.writers(['own', 'mount/log.ulg'], never);
    assert.deepEqual([[...open], complete], [['own'], false]);
    writer.kill('SIGKILL');
    await once(writer, 'close');
    await outside.close();
  });

  it('times out at any call, and leaves threads to all other files', async () => {
    const file = await only();
    mount.hang();
    const works = [
      () => listed(source),
      () => collect(source.read(file, 0, never)),
      () => source.checksum(file, never),
      () => source.remove(file, never),
      () => source.writers(['log.ulg'], never),
      () => source.space(never),
      () => source.volume(never),
      () => target.stat('a', '0123456789abcdef', never),
      () => target.write(outgoing(bytes), 'copy.ulg', 0, never, new Events()),
    ];
    const errors = await Promise.all(works.map(work => failsWith(work, 'timeout', 'unavailable')));
    for (const { message, device } of errors) {
      assert.match(message, /does not answer for 0.3 s.*umount -l/);
      assert.equal(device, 'share');
    }
    assert.ok((await lstat('/')).isDirectory());
    assert.ok((await readdir('/')).length > 0);
  });

  it('in the middle of a file, and goes on where it answers again', async () => {
    const file = await only();
    await failsWith(async () => {
      for await (const chunk of source.read(file, 0, never)) {
        assert.ok(chunk.length > 0);
        mount.hang();
      }
    }, 'timeout');
    await failsWith(() => listed(source), 'unavailable');
    mount.goOn();
    await eventually(async () =>
      listed(source).then(
        () => true,
        () => false,
      ),
    );
    assert.ok((await collect(source.read(file, 0, never))).equals(bytes));
  });

  it('is offline while it hangs, and back when it answers, which it logs', async () => {
    await becomes(source, true);
    mount.hang();
    const { reason } = await becomes(source, false);
    assert.match(reason, /does not answer/);
    mount.goOn();
    await becomes(source, true);
    assert.deepEqual(logger.messages('debug'), [
      `${mount.path} hangs: a call has no answer after ${TIMEOUT} ms`,
      `${mount.path} answers again`,
    ]);
  });

  it('is back when another mount is in its place, although the old one never answers', async () => {
    const file = await only();
    mount.hang();
    await failsWith(() => collect(source.read(file, 0, never)), 'timeout');
    await mount.detach();
    await writeFile(join(mount.path, 'log.ulg'), bytes);
    await becomes(source, true);
    assert.equal((await only()).path, 'log.ulg');
  });

  it('stops at once when it is cancelled', async () => {
    const patient = new DirectorySource(mount.path, deviceContext(), { timeout: 3_600_000 });
    const file = await only();
    mount.hang();
    const stop = new AbortController();
    const reading = collect(patient.read(file, 0, stop.signal));
    setImmediate(() => stop.abort());
    await failsWith(() => reading, 'cancelled');
    await patient.close();
  });

  it('is unavailable when its server died', async () => {
    const file = await only();
    await mount.kill();
    for (const work of [() => listed(source), () => collect(source.read(file, 0, never))]) {
      assert.match((await failsWith(work, 'unavailable')).message, /mount it again/);
    }
  });

  it('leaves no handle open once it has answered', () =>
    leavesNoHandles(async () => {
      const file = await only();
      await failsWith(async () => {
        for await (const _chunk of source.read(file, 0, never)) mount.hang();
      }, 'timeout');
      mount.goOn();
      await eventually(async () =>
        listed(source).then(
          () => true,
          () => false,
        ),
      );
    }));
});
