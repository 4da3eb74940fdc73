import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { eventually, sample } from '../conformance/support.js';
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
