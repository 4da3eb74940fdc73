import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSyncError } from '../../src/errors.js';
import type { Source, SourceFile } from '../../src/ports.js';
import { ftpTypes } from '../../src/ros/mavros/interfaces.js';
import { checksumOf, collect, failsWith, listed, sample } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { StandInMavros, type Fault } from '../fakes/stand-in-mavros.js';
import { MemoryGraph, MemoryNetwork } from '../fakes/memory-graph.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { mavrosSource } from './mavros-bench.js';

/** Numbers in [0, 1) that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const FAULTS: readonly Fault[] = ['lost-request', 'lost-reply', 'late', 'missed', 'slow', 'mute'];

const never = new AbortController().signal;

/** Moves time to whenever something happens next, until the work is done. */
async function inVirtualTime<Value>(clock: VirtualClock, work: Promise<Value>): Promise<Value> {
  let done = false;
  void work.catch(() => undefined).finally(() => (done = true));
  while (!done) await clock.advance(clock.nextWake ?? 0);
  return work;
}

/** A MAVROS with a vehicle that lives on while one process of ours after the other uses it. */
class World {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly standIn: StandInMavros;
  readonly files = new Map<string, Uint8Array>();
  readonly folder: string;
  faults = 0;
  /** The service whose answers of the vehicle come too fast for MAVROS, each time. */
  missed: string | undefined;
  completed = 0;
  readonly #network = new MemoryNetwork();
  #ours: { readonly graph: MemoryGraph; readonly source: Source } | undefined;

  private constructor(folder: string, seed: number) {
    this.folder = folder;
    this.random = randomFrom(seed);
    this.standIn = new StandInMavros({
      graph: new MemoryGraph({ network: this.#network, name: 'mavros', clock: this.clock }),
      clock: this.clock,
      folder,
      fault: service =>
        this.missed === service ? 'missed' : this.random() < this.faults ? this.pick(FAULTS) : 'none',
    });
  }

  static async start(folder: string, seed: number): Promise<World> {
    const world = new World(folder, seed);
    world.#ours = await world.#process();
    return world;
  }

  /** Of our process. */
  get source(): Source {
    assert.ok(this.#ours);
    return this.#ours.source;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)] as Item;
  }

  /** Our process is killed, and started again. */
  async crash(): Promise<void> {
    await this.#ours?.graph.shutdown();
    this.#ours = await this.#process();
  }

  /** `ros2 service call /mavros/ftp/close`. */
  async closeByHand(path: string): Promise<void> {
    const graph = new MemoryGraph({ network: this.#network, name: 'shell', clock: this.clock });
    const client = graph.client(ftpTypes.close, '/mavros/ftp/close');
    const { r_errno } = await client.call({ file_path: path }, { timeout: 1_000, signal: never });
    assert.equal(r_errno, 9);
  }

  /** One operation, given up at some time or not. Whatever ends well must have ended right. */
  async operation(): Promise<void> {
    const give = new AbortController();
    if (this.random() < 0.3) void this.clock.sleep(this.random() * 2_000).then(() => give.abort());
    try {
      await this.#act(give.signal);
      this.completed += 1;
    } catch (error) {
      if (!(error instanceof FileSyncError)) throw error;
      assert.notEqual(error.kind, 'internal', error.stack);
      assert.ok(!['not-found', 'corrupt', 'bad-name'].includes(error.kind), error.message);
    }
  }

  async #act(signal: AbortSignal): Promise<void> {
    const [path, bytes] = this.pick([...this.files]);
    const file: SourceFile = { path, size: bytes.length };
    const dice = this.random();
    if (dice < 0.2) return this.#lists(signal);
    if (dice < 0.3)
      return assert.deepEqual(await this.source.checksum(file, signal), checksumOf('crc32-mavlink', bytes));
    if (dice < 0.35) return this.#removes(signal);
    const offset = Math.floor(this.random() * bytes.length);
    const read = await collect(this.source.read(file, offset, signal));
    assert.deepEqual(read, Buffer.from(bytes.subarray(offset)));
  }

  async #lists(signal: AbortSignal): Promise<void> {
    const found = (await listed(this.source, signal)).filter(({ path }) => !path.startsWith('old/'));
    const expected = [...this.files].map(([path, { length }]) => ({ path, size: length }));
    assert.deepEqual(
      found,
      expected.sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
  }

  async #removes(signal: AbortSignal): Promise<void> {
    const path = `old/${Math.floor(this.random() * 1e9)}.ulg`;
    const remote = join(this.folder, 'log', path);
    await writeFile(remote, 'old');
    await this.source.remove({ path, size: 3 }, signal);
    assert.ok(!existsSync(remote), `${path} is still there`);
  }

  async #process(): Promise<{ graph: MemoryGraph; source: Source }> {
    const graph = new MemoryGraph({ network: this.#network, name: 'filesync', clock: this.clock });
    const { clock } = this;
    return { graph, source: await mavrosSource(graph, { root: '/log', transport: 'services' }, { clock }) };
  }
}

async function withWorld(seed: number, test: (world: World) => Promise<void>): Promise<void> {
  const home = await temporaryFolder();
  await mkdir(join(home.path, 'log', 'old'), { recursive: true });
  const world = await World.start(home.path, seed);
  try {
    for (const [index, size] of [0, 1, 238, 239, 478, 5_000, 60_000].entries()) {
      const bytes = sample(size, index);
      world.files.set(`f${index}.ulg`, bytes);
      await writeFile(join(home.path, 'log', `f${index}.ulg`), bytes);
    }
    await test(world);
  } finally {
    await world.standIn.close();
    await home.remove();
  }
}

async function lives(world: World, operations: number, crashes: number): Promise<void> {
  for (let done = 0; done < operations;) {
    const together = 1 + Math.floor(world.random() * 3);
    const work = Promise.all(Array.from({ length: together }, () => world.operation()));
    const crashed = world.random() < crashes;
    if (crashed) {
      void work.catch(() => undefined);
      await world.clock.advance(world.random() * 3_000);
      await world.crash();
    }
    await inVirtualTime(world.clock, work);
    assert.equal(world.standIn.death, undefined);
    done += together;
  }
}

/** Once nothing goes wrong any more, everything works, with what the trouble has left behind. */
async function recovers(world: World): Promise<void> {
  world.faults = 0;
  await world.clock.advance(60_000);
  for (const [path, bytes] of world.files) {
    const reading = collect(world.source.read({ path, size: bytes.length }, 0, never));
    assert.deepEqual(await inVirtualTime(world.clock, reading), Buffer.from(bytes));
  }
  assert.equal(world.standIn.death, undefined);
}

describe('mavros source over the services: MAVROS is never killed', () => {
  for (const seed of [1, 2, 3, 4])
    it(`by 600 operations with losses, late replies, cancels and kills of ours (seed ${seed})`, () =>
      withWorld(seed, async world => {
        world.faults = 0.08;
        await lives(world, 600, 0.1);
        assert.ok(world.completed > 200, `only ${world.completed} operations were completed`);
        await recovers(world);
      }));

  it('and when it was, by another program, the next one is used', () =>
    withWorld(9, async world => {
      const [path, bytes] = [...world.files].at(-1) ?? ['', sample(0)];
      const read = (offset: number) => world.source.read({ path, size: bytes.length }, offset, never);
      const got: Uint8Array[] = [];
      const cut = async () => {
        for await (const chunk of read(0)) {
          got.push(chunk);
          world.standIn.stop();
        }
      };
      await inVirtualTime(world.clock, failsWith(cut, 'unavailable'));
      world.standIn.start();
      const { length } = Buffer.concat(got);
      const rest = await inVirtualTime(world.clock, collect(read(length)));
      assert.deepEqual(Buffer.concat([...got, rest]), Buffer.from(bytes));
    }));

  it('and an open whose answer it missed, but whose size it reports, counts as done', () =>
    withWorld(11, async world => {
      world.missed = 'open';
      const [path, bytes] = [...world.files].at(-1) ?? ['', sample(0)];
      const reading = collect(world.source.read({ path, size: bytes.length }, 0, never));
      assert.deepEqual(await inVirtualTime(world.clock, reading), Buffer.from(bytes));
      assert.equal(world.standIn.death, undefined);
    }));

  it('and is believed where its error number is left over from a call of another program', () =>
    withWorld(10, async world => {
      await inVirtualTime(world.clock, world.closeByHand('/log/not-open'));
      const [path, bytes] = [...world.files].at(-1) ?? ['', sample(0)];
      const reading = collect(world.source.read({ path, size: bytes.length }, 0, never));
      assert.deepEqual(await inVirtualTime(world.clock, reading), Buffer.from(bytes));
    }));
});
