import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sample } from '../../test/conformance/support.js';
import type { LinkReport } from './emulator.js';
import { FarSide } from './program.js';
import { PEER, readByPeer, type Peer } from './peer.js';
import { readFrom, type Got, type Way } from './reading.js';

export interface Rate {
  readonly name: string;
  /** Bytes a second: a serial line takes ten bits for a byte. */
  readonly bytes: number;
  /** Bytes that may wait for the wire. */
  readonly queue: number;
  /** Share of the machine: links run at once up to a sum of 1. */
  readonly weight: number;
}

export const RATES: readonly Rate[] = [
  { name: '57600', bytes: 5_760, queue: 4_096, weight: 1 / 24 },
  { name: '115200', bytes: 11_520, queue: 4_096, weight: 1 / 24 },
  { name: '921600', bytes: 92_160, queue: 8_192, weight: 1 / 6 },
  { name: '8 Mbit/s', bytes: 1_000_000, queue: 16_384, weight: 1 },
];

export interface Loss {
  readonly name: string;
  readonly share: number;
  /** Packets lost in a row, on average. */
  readonly run: number;
}

export const LOSSES: readonly Loss[] = [
  { name: 'no loss', share: 0, run: 1 },
  { name: '5 %', share: 0.05, run: 1 },
  { name: '5 % in runs of 5', share: 0.05, run: 5 },
  { name: '20 %', share: 0.2, run: 1 },
];

export interface Cell {
  readonly rate: Rate;
  readonly loss: Loss;
  /** ms, one way. */
  readonly delay: number;
  readonly way: Way | Peer;
}

export interface Result extends Cell {
  /** Of what the wire can carry as file data (239 of 266 bytes), 0 to 1. */
  readonly share: number;
  /** Requests per block of the file that came. */
  readonly requests: number;
  /** Datagrams that carried these, per block. */
  readonly datagrams: number;
  /** s of processor time for a MB, that of other cells at the same time included. */
  readonly cpu: number;
  /** ms of added delay of telemetry, 99th percentile. */
  readonly telemetry: number;
  /** Undefined if the read was cut off. */
  readonly intact: boolean | undefined;
}

/** Messages a second: 10 Hz. Heartbeats (1 Hz) come from the vehicle itself. */
const TELEMETRY = 10;
const BLOCK = 239;
export const CEILING = BLOCK / 266;

/** Runs cells on real sockets. */
export class Table {
  readonly #home: string;
  readonly #vehicles = new FarSide();
  readonly #links = new FarSide();
  readonly #digests = new Map<string, string>();

  private constructor(home: string) {
    this.#home = home;
  }

  static async with<Value>(work: (table: Table) => Promise<Value>): Promise<Value> {
    const table = new Table(await mkdtemp(join(tmpdir(), 'bench-link-')));
    try {
      return await work(table);
    } finally {
      table.#vehicles.end();
      table.#links.end();
      await rm(table.#home, { recursive: true });
    }
  }

  /** Reads a file of so many bytes for `limit` ms at most. */
  async run(cell: Cell, size: number, limit: number): Promise<Result> {
    const { rate, loss, delay, way } = cell;
    const file = await this.#file(size);
    // A vehicle sends bursts at the pace of its port; the link's queue would drop faster ones.
    const pace = way === 'burst' || way === PEER ? { rate: rate.bytes } : {};
    const vehicle = await this.#vehicles.vehicle({ folder: this.#home, ...pace });
    const link = await this.#links.link({
      rate: rate.bytes,
      queue: rate.queue,
      delay,
      loss: loss.share,
      lossRun: loss.run,
      seed: seedOf(cell),
      vehicle: vehicle.port,
      telemetry: TELEMETRY,
    });
    try {
      const got =
        way === PEER ? await readByPeer(link.port, file, limit) : await readFrom(link.port, way, file, limit);
      const report = await link.close();
      return { ...cell, ...this.#judged(got, file.path, rate, report) };
    } finally {
      await vehicle.close();
    }
  }

  /** KB a second, straight from a vehicle whose own impairments make the delay and the loss. */
  async loopback(way: Way, size: number, delay: number, loss: number, limit: number): Promise<Got> {
    const file = await this.#file(size);
    const vehicle = await this.#vehicles.vehicle({ folder: this.#home, delay, loss });
    try {
      return await readFrom(vehicle.port, way, file, limit);
    } finally {
      await vehicle.close();
    }
  }

  #judged(
    got: Got,
    path: string,
    rate: Rate,
    { requests, datagrams, added }: LinkReport,
  ): Omit<Result, keyof Cell> {
    const blocks = Math.max(1, got.bytes / BLOCK);
    return {
      share: ((got.bytes / got.ms) * 1000) / (rate.bytes * CEILING),
      requests: requests / blocks,
      datagrams: datagrams / blocks,
      cpu: got.cpu / 1000 / Math.max(1e-6, got.bytes / 1e6),
      telemetry: percentile(
        // Only those of the transfer: a peer may need seconds before it begins.
        added.slice(-Math.ceil((got.ms / 1000) * (TELEMETRY + 1))).map(ms => ms ?? Infinity),
        0.99,
      ),
      intact: got.sha256 === undefined ? undefined : got.sha256 === this.#digests.get(path),
    };
  }

  async #file(size: number): Promise<{ path: string; size: number }> {
    const path = `${size}.bin`;
    if (!this.#digests.has(path)) {
      const bytes = sample(size, size);
      this.#digests.set(path, createHash('sha256').update(bytes).digest('hex'));
      await writeFile(join(this.#home, path), bytes);
    }
    return { path, size };
  }
}

/** The same seed for every method and in every run. */
const seedOf = ({ rate, loss, delay }: Cell) =>
  2 * (1 + RATES.indexOf(rate) + 10 * LOSSES.indexOf(loss) + 100 * delay);

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Runs all items at once, as far as their weights allow; heavy ones first. */
export async function atOnce<Item extends { weight: number }, Value>(
  items: readonly Item[],
  run: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const queue = [...items].sort((a, b) => b.weight - a.weight);
  const results: Value[] = [];
  const running = new Set<Promise<void>>();
  let load = 0;
  for (const item of queue) {
    while (load > 0 && load + item.weight > 1 + 1e-9) await Promise.race(running);
    load += item.weight;
    const one: Promise<void> = run(item).then(result => {
      results.push(result);
      load -= item.weight;
      running.delete(one);
    });
    running.add(one);
  }
  await Promise.all(running);
  return results;
}
