import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { eventually, sample } from '../conformance/support.js';
import { HangingMount, whyNoFuse } from '../servers/hanging-mount.js';
import { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

/** A daemon that looks once an hour at a folder, and has looked. */
async function watching(place: Place, settle: string) {
  await mkdir(place.path('inbox'));
  await writeFile(place.path('inbox/first.bin'), sample(1000));
  const config = await place.configure({
    devices: {
      inbox: { type: 'directory', path: './inbox' },
      outbox: { type: 'directory', path: './outbox' },
    },
    rules: [{ from: 'inbox', to: ['outbox'], settle, path: '{file.path}' }],
    interval: '1h',
  });
  const daemon = place.start(['run', '-c', config]);
  await arrives(place, 'first.bin', sample(1000));
  return daemon;
}

async function arrives(place: Place, path: string, bytes: Uint8Array): Promise<void> {
  await eventually(async () => (await hashOf(place.path('outbox', path)).catch(() => '')) === sha256(bytes));
}

describe('filesync run, a folder that is watched', function () {
  this.timeout(60_000);

  it('delivers what comes between two looks, also into folders that come later', () =>
    Place.with(async place => {
      const daemon = await watching(place, '0s');
      await writeFile(place.path('inbox/second.bin'), sample(2000));
      await arrives(place, 'second.bin', sample(2000));
      await mkdir(place.path('inbox/day/flight'), { recursive: true });
      await writeFile(place.path('inbox/day/flight/third.bin'), sample(3000));
      await arrives(place, 'day/flight/third.bin', sample(3000));
      await writeFile(place.path('inbox/day/flight/fourth.bin'), sample(4000));
      await arrives(place, 'day/flight/fourth.bin', sample(4000));
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('waits until it has settled', () =>
    Place.with(async place => {
      const daemon = await watching(place, '2s');
      await writeFile(place.path('inbox/second.bin'), sample(1000));
      await writeFile(place.path('inbox/second.bin'), sample(1000, 2), { flag: 'a' });
      const whole = Buffer.concat([sample(1000), sample(1000, 2)]);
      await arrives(place, 'second.bin', whole);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));
});

describe('filesync, a mount that hangs', function () {
  this.timeout(60_000);

  before(async function () {
    const reason = await whyNoFuse();
    if (reason === undefined) return;
    console.log(`    skipped: ${reason}`);
    this.skip();
  });

  /** Two shares, both of which shall be brought to one folder. */
  async function configure(place: Place, ...mounts: HangingMount[]): Promise<string> {
    await mkdir(place.path('inbox'));
    const shares = mounts.map(
      ({ path }, index) => [`share${index}`, { type: 'directory', path, timeout: '1s' }] as const,
    );
    const devices = {
      inbox: { type: 'directory', path: './inbox' },
      outbox: { type: 'directory', path: './outbox' },
      ...Object.fromEntries(shares),
    };
    const froms = Object.keys(devices).filter(name => name !== 'outbox');
    const rules = froms.map(from => ({ from, to: ['outbox'], settle: 0, path: '{file.path}' }));
    return place.configure({ devices, rules, interval: '1s' });
  }

  it('holds up neither the rest nor the stop', () =>
    Place.with(async place => {
      const mounts = await Promise.all([HangingMount.make(), HangingMount.make()]);
      mounts.forEach(mount => place.use(mount));
      const daemon = place.start(['run', '-c', await configure(place, ...mounts)]);
      for (const [index, mount] of mounts.entries()) {
        await writeFile(`${mount.behind}/${index}.bin`, sample(1000, index));
        await arrives(place, `${index}.bin`, sample(1000, index));
      }
      mounts.forEach(mount => mount.hang());
      await daemon.says(/share0: offline: .*does not answer/);
      await daemon.says(/share1: offline: .*does not answer/);
      await writeFile(place.path('inbox/local.bin'), sample(5000));
      await arrives(place, 'local.bin', sample(5000));
      const { code, signal } = await daemon.kill('SIGTERM');
      assert.deepEqual([code, signal], [null, 'SIGTERM']);
    }));

  it('is no reason for a single pass not to end', () =>
    Place.with(async place => {
      const mount = place.use(await HangingMount.make());
      const config = await configure(place, mount);
      await writeFile(place.path('inbox/local.bin'), sample(5000));
      mount.hang();
      const { stdout, stderr } = await place.run(['sync', '-c', config]);
      assert.match(stdout + stderr, /share0.*does not answer/);
      await arrives(place, 'local.bin', sample(5000));
    }));
});
