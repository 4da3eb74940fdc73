import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sample } from '../conformance/support.js';
import { randomFrom } from '../unit/db/crash-disk.js';
import { filesBelow, put } from './parts.js';
import type { Place } from './program.js';
import { hashOf, sha256 } from './world.js';

/** ms after its start within which the program is killed: it is up after a third of that, unless the machine is busy. */
const LATEST_MS = Number(process.env['FILESYNC_KILL_WITHIN_MS'] ?? 1500);
const LARGEST = 1_000_000;

/** Starts the program and kills it at a random moment, again and again, with new files each time; returns their hashes. */
export async function killWhileFilesCome(
  { place, config, env }: { place: Place; config: string; env: Record<string, string> },
  kills: number,
  seed: number,
): Promise<Map<string, string>> {
  const random = randomFrom(seed);
  const hashes = new Map<string, string>();
  for (let kill = 0; kill < kills; kill++) {
    for (const letter of ['a', 'b']) {
      const name = `${kill}${letter}.bin`;
      const bytes = sample(1 + Math.floor(random() * LARGEST), hashes.size);
      hashes.set(name, sha256(bytes));
      await put(place.path('inbox', name), bytes);
    }
    const program = place.start(['run', '-c', config], env);
    await delay(random() * LATEST_MS);
    const { stderr } = await program.kill('SIGKILL');
    assert.doesNotMatch(stderr, /corrupt|quarantine/i);
  }
  return hashes;
}

/** Every name with the hash of its bytes lies there, and nothing else. */
export async function assertHolds(folder: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  assert.deepEqual(await filesBelow(folder), [...hashes.keys()].sort());
  for (const [name, hash] of hashes) assert.equal(await hashOf(join(folder, name)), hash, join(folder, name));
}
