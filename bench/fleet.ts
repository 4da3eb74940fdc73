import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  logName,
  logOf,
  logsOf,
  nameOf,
  sha256,
  type FleetPlan,
  type Report,
  type Share,
} from './fleet/plan.js';
import { STORES, type Store } from './fleet/stores.js';
import type { Row } from './run.js';
import { timed } from './support/pairs.js';

/** ms without a delivery after which the fleet counts as stuck. */
const STUCK_MS = 180_000;
const CHECK_MS = 250;

/** Options: `npm run bench -- fleet --to webdav --vehicles 50 --logs 20 --kills 6`. */
function optionsOf(args: readonly string[]) {
  const options = {
    to: { type: 'string', default: 'webdav' },
    vehicles: { type: 'string', default: '1000' },
    logs: { type: 'string', default: '20' },
    bytes: { type: 'string', default: '16000' },
    processes: { type: 'string', default: '4' },
    kills: { type: 'string', default: '6' },
    factor: { type: 'string', default: '10' },
  } as const;
  const { values } = parseArgs({ args: [...args], options, allowPositionals: true });
  const { to, ...others } = values;
  const numbers = Object.entries(others).map(([name, value]) => [name, Number(value)] as const);
  return { to, ...Object.fromEntries(numbers) } as unknown as Options;
}

interface Options extends Pick<FleetPlan, 'vehicles' | 'logs' | 'bytes' | 'factor'> {
  readonly to: string;
  readonly processes: number;
  /** Of processes with their vehicles and of the server, in turns, at even distances of the work. */
  readonly kills: number;
}

/** Many vehicles with a few logs each deliver to one server while they and it are killed; then all of it is compared. */
export async function bench(): Promise<Row[]> {
  const options = optionsOf(process.argv.slice(2));
  const start = STORES[options.to];
  if (!start) throw new Error(`--to ${options.to}: one of ${Object.keys(STORES).join(', ')}`);
  const folder = await mkdtemp(join(tmpdir(), 'filesync-fleet-'));
  const store = await start();
  try {
    const plan = { ...options, folder, device: { ...store.device, spread: '20s' } };
    const expected = await writeLogs(plan);
    const fleet = new Fleet(plan, options.processes);
    const seconds = await timed(() => fleet.deliver(store, options.kills));
    const problems = compare(expected, await store.objects(expected.keys()));
    return [
      ...rowsOf(plan, store, fleet, seconds, problems),
      ...(await rcloneRows(plan, store, seconds)),
      load(),
    ];
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeLogs(plan: FleetPlan): Promise<Map<string, string>> {
  const expected = new Map<string, string>();
  for (let vehicle = 0; vehicle < plan.vehicles; vehicle++) {
    await mkdir(logsOf(plan, vehicle), { recursive: true });
    for (let log = 0; log < plan.logs; log++) {
      const bytes = logOf(plan, vehicle, log);
      await writeFile(join(logsOf(plan, vehicle), logName(log)), bytes);
      expected.set(`${nameOf(vehicle)}/${logName(log)}`, sha256(bytes));
    }
  }
  return expected;
}

/** What is missing, wrong, or there without having been asked for (a second key of a file, a part that was left). */
function compare(expected: ReadonlyMap<string, string>, held: ReadonlyMap<string, string>): string[] {
  const wrong = [...expected].filter(([key, hash]) => held.get(key) !== hash);
  const more = [...held.keys()].filter(key => !expected.has(key));
  return [
    ...wrong.map(([key]) => `${key} ${held.has(key) ? 'is corrupt' : 'is missing'}`),
    ...more.map(key => `${key} should not be there`),
  ];
}

/** Processes with their shares of the vehicles. */
class Fleet {
  kills = 0;
  crashes = 0;
  /** Bytes of one vehicle, at most. */
  memory = 0;
  readonly #plan: FleetPlan;
  readonly #members: Member[];

  constructor(plan: FleetPlan, processes: number) {
    this.#plan = plan;
    const size = Math.ceil(plan.vehicles / processes);
    const shares = Array.from({ length: processes }, (_, index) => ({
      from: index * size,
      to: Math.min(plan.vehicles, (index + 1) * size),
    }));
    this.#members = shares.filter(({ from, to }) => to > from).map(share => new Member(plan, share));
  }

  get requests(): number {
    return this.#sum(({ requests }) => requests);
  }

  async deliver(store: Store, kills: number): Promise<void> {
    const total = this.#plan.vehicles * this.#plan.logs;
    let [done, since] = [0, performance.now()];
    while (done < total) {
      await delay(CHECK_MS);
      const now = this.#sum(({ delivered }) => delivered);
      if (now !== done) [done, since] = [now, performance.now()];
      this.memory = Math.max(this.memory, ...this.#members.map(({ memory }) => memory));
      if (
        done >= (total * (this.kills + this.crashes + 1)) / (kills + 1) &&
        this.kills + this.crashes < kills
      )
        await this.#kill(store);
      if (performance.now() - since > STUCK_MS) throw new Error(`${done} of ${total}: ${this.#waits()}`);
    }
    await Promise.all(this.#members.map(member => member.stop()));
  }

  async #kill(store: Store): Promise<void> {
    if (store.crash && this.crashes < this.kills) {
      this.crashes++;
      return store.crash();
    }
    await this.#members[this.kills % this.#members.length]?.kill();
    this.kills++;
  }

  #waits(): string {
    return this.#members.map(({ waits }) => waits).join('; ');
  }

  #sum(of: (member: Member) => number): number {
    return this.#members.reduce((sum, member) => sum + of(member), 0);
  }
}

/** One process; it may be killed and started again. */
class Member {
  readonly #plan: FleetPlan;
  readonly #share: Share;
  #child: ChildProcess;
  #report: Report | undefined;
  #delivered = 0;
  #requestsBefore = 0;

  constructor(plan: FleetPlan, share: Share) {
    this.#plan = plan;
    this.#share = share;
    this.#child = this.#start();
  }

  /** Files; never fewer than were reported: what is delivered stays so over a kill. */
  get delivered(): number {
    return this.#delivered;
  }

  get requests(): number {
    return this.#requestsBefore + (this.#report?.requests ?? 0);
  }

  get memory(): number {
    const { rss = 0, baseline = 0 } = this.#report ?? {};
    return (rss - baseline) / (this.#share.to - this.#share.from);
  }

  get waits(): string {
    return this.#report?.waits ?? '';
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
    this.#requestsBefore = this.requests;
    this.#report = undefined;
    this.#child = this.#start();
  }

  async stop(): Promise<void> {
    this.#child.send('stop');
    await once(this.#child, 'close');
  }

  #start(): ChildProcess {
    const module = join(import.meta.dirname, 'fleet/vehicles.ts');
    const args = [JSON.stringify(this.#plan), JSON.stringify(this.#share)];
    const child = fork(module, args, { execArgv: ['--import=tsx/esm', '--max-old-space-size=2048'] });
    child.on('message', message => {
      this.#report = message as Report;
      this.#delivered = Math.max(this.#delivered, this.#report.delivered);
    });
    return child;
  }
}

function rowsOf(
  plan: FleetPlan,
  store: Store,
  fleet: Fleet,
  seconds: number,
  problems: readonly string[],
): Row[] {
  const files = plan.vehicles * plan.logs;
  const what = `${plan.vehicles} vehicles, ${plan.logs} logs each, to ${store.what}`;
  const killed = `${fleet.kills} kills of a process with its vehicles, ${fleet.crashes} of the server`;
  return [
    {
      what: `${what}; ${killed}`,
      result: `${seconds.toFixed(0)} s, ${(files / seconds).toFixed(0)} files/s`,
    },
    {
      what: 'objects that are missing, corrupt, or there twice',
      result: `${problems.length}${problems.length > 0 ? `: ${problems.slice(0, 5).join('; ')}` : ''}`,
      limit: '0',
      met: problems.length === 0,
    },
    { what: 'requests a file, probes and repetitions included', result: (fleet.requests / files).toFixed(2) },
    { what: 'memory a vehicle, at most', result: `${(fleet.memory / 1e6).toFixed(2)} MB` },
  ];
}

/** The same bytes, without a database, a local copy or a kill. */
async function rcloneRows(plan: FleetPlan, store: Store, seconds: number): Promise<Row[]> {
  const copy = store.rclone?.bind(store);
  if (!copy) return [{ what: 'rclone copy', result: 'does not speak this protocol' }];
  const theirs = await timed(() => copy(join(plan.folder, 'logs'), []));
  return [
    { what: 'rclone copy of the same files', result: `${theirs.toFixed(0)} s` },
    { what: 'FileSync, kills included / rclone copy: time', result: `${(seconds / theirs).toFixed(2)} x` },
  ];
}

const load = (): Row => ({ what: 'load of the machine at the end', result: loadavg()[0]?.toFixed(1) ?? '' });
