import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { FileState, type FileRecord } from '../../src/ports.js';
import type { Rule } from '../../src/rules/rule.js';
import type { Together } from '../../src/rules/together.js';
import { sample } from '../conformance/support.js';
import { metadata } from '../data/bag-metadata.js';
import { rule } from '../unit/rules/rule.js';
import type { Fault } from './model-target.js';
import { MARKER } from './units.js';
import { TARGETS, type Setting, type SourceName, type TargetName, type World } from './world.js';

const PATHS: Readonly<Record<SourceName, readonly string[]>> = {
  vehicle: ['LOG1.BIN', 'LOG2.BIN', 'BAG/3.BIN', 'BAG/metadata.yaml'],
  folder: ['a.ulg', 'sub/b.ulg', 'sub/c.ulg', 'sub/metadata.yaml'],
};
const SIZES = [0, 1, 700, 2500, 5000] as const;
const QUARTER_MS = 900_000;
const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];

/** What a person may ask of a file that needs no more than its id. */
type Request = 'retry' | 'forget' | 'first' | 'fetch' | 'cancel' | 'evict';

export type Act =
  | {
      readonly act: 'put' | 'take';
      readonly source: SourceName;
      readonly path: string;
      readonly size: number;
    }
  | { readonly act: 'grow' | 'replace'; readonly source: SourceName; readonly path: string }
  | { readonly act: 'erase'; readonly source: SourceName }
  | { readonly act: 'shift'; readonly quarters: number }
  | { readonly act: 'source'; readonly source: SourceName; readonly on: boolean }
  | { readonly act: 'arm'; readonly on: boolean }
  | { readonly act: 'off while armed' }
  | { readonly act: 'target'; readonly target: TargetName; readonly on: boolean }
  | { readonly act: 'fault'; readonly target: TargetName; readonly fault: Fault }
  | { readonly act: 'corrupt' | 'failing'; readonly source: SourceName; readonly count: number }
  | { readonly act: 'damage' | 'lose'; readonly number: number }
  | { readonly act: 'rescan' }
  /** The next who sleeps wakes, and does not get far. */
  | { readonly act: 'wake' }
  | { readonly act: 'disk'; readonly full: boolean }
  | { readonly act: Request; readonly number: number }
  | { readonly act: 'edit'; readonly number: number; readonly state: FileState }
  | { readonly act: 'retarget'; readonly number: number; readonly targets: readonly TargetName[] }
  | { readonly act: 'pause'; readonly on: boolean }
  | { readonly act: 'time'; readonly ms: number }
  | { readonly act: 'wall'; readonly delta: number }
  | { readonly act: 'synchronised'; readonly on: boolean }
  | { readonly act: 'latency'; readonly ms: number }
  | {
      readonly act: 'restart';
      readonly how: 'kill' | 'stop' | 'reboot' | 'power cut';
      readonly rules: readonly Rule[] | undefined;
      readonly downtime: number;
      readonly wall: 'goes on' | 'restarts';
    };

export interface Step {
  readonly act: Act;
  /** How far the program gets before the next act: turns, or until it waits for time to pass. */
  readonly turns: number | 'rest';
}

// ---- what may happen

const source = fc.constantFrom<SourceName>('vehicle', 'folder');
const place = source.chain(name =>
  fc.record({ source: fc.constant(name), path: fc.constantFrom(...PATHS[name]) }),
);
const target = fc.constantFrom(...TARGET_NAMES);
const number = fc.nat(5);
const act = <Name extends Act['act']>(name: Name) => fc.constant(name);

/** Values by how often they come, the plainest first. */
const often = <Value>(...choices: readonly (readonly [number, Value])[]): fc.Arbitrary<Value> =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

const ruleOf = (from: SourceName, settle: number): fc.Arbitrary<Rule> =>
  fc
    .record({
      to: fc.subarray(TARGET_NAMES, { minLength: 1 }),
      via: often([3, 'local' as const], [1, 'stream' as const]),
      source: often<Rule['after']['source']>([2, 'keep'], [4, 'delete'], [1, { keepFree: 24_000 }]),
      local: often<Rule['after']['local']>(
        ...([
          [1, { kind: 'keep' }],
          [3, { kind: 'delete' }],
        ] as const),
        ...([
          [1, { kind: 'age', ms: 3_600_000 }],
          [2, { kind: 'size', bytes: 4_000 }],
        ] as const),
      ),
      begin: often<Rule['begin']>([8, { kind: 'all' }], [1, { kind: 'new' }]),
      largerThan: often<number | undefined>([8, undefined], [1, 600]),
      fetch: often<Rule['fetch']>([8, 'all'], [1, 'asked']),
      order: fc.constantFrom('newest' as const, 'oldest' as const, 'smallest' as const),
      together: often<Together | undefined>(
        ...([
          [2, undefined],
          [2, { folder: 'metadata.yaml' }],
          [1, { folder: 'metadata.yaml', early: true }],
        ] as const),
      ),
      deleteAfter: fc.constantFrom(0, 600_000),
      whileArmed: often<Rule['whileArmed']>([2, 'upload-only'], [1, 'pause']),
    })
    .map(({ source, local, largerThan, together, ...rest }) =>
      rule({
        ...(together && { together }),
        ...{ ...rest, from, settle, after: { source, local } },
        ...(largerThan !== undefined && { largerThan }),
      }),
    );

/** Another rule for the same files, which may select others of them. */
const moreRules = (settle: number): fc.Arbitrary<readonly Rule[]> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: source.chain(from => fc.tuple(ruleOf(from, settle))) },
  );

const rulesOf = (settle: number): fc.Arbitrary<readonly Rule[]> =>
  fc
    .tuple(
      ...([ruleOf('vehicle', settle), ruleOf('folder', settle), moreRules(settle)] as const),
      often([8, 'both'], [1, 'one']),
    )
    .map(([vehicle, folder, more, which]) => [...(which === 'both' ? [vehicle] : []), folder, ...more]);

export const setting: fc.Arbitrary<Setting> = fc.constantFrom(2_000, 10_000).chain(settle =>
  fc.record({
    seed: fc.nat(),
    settle: fc.constant(settle),
    rules: fc
      .tuple(ruleOf('vehicle', settle), ruleOf('folder', settle), moreRules(settle))
      .map(([vehicle, folder, more]) => [vehicle, folder, ...more]),
    keepRecords: fc.constantFrom(Infinity, 86_400_000),
  }),
);

const time = fc.constantFrom(1, 500, 1_900, 2_500, 12_000, 12_000, 60_000, 600_000, 600_000, 10_800_000);

const acts = (settle: number): fc.Arbitrary<Act> =>
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc
        .tuple(place, fc.constantFrom(...SIZES))
        .map(([one, size]) => ({ act: 'put' as const, ...one, size })),
    },
    { weight: 2, arbitrary: place.map(one => ({ act: 'grow' as const, ...one })) },
    { weight: 2, arbitrary: place.map(one => ({ act: 'replace' as const, ...one })) },
    { weight: 1, arbitrary: place.map(one => ({ act: 'take' as const, ...one, size: 0 })) },
    { weight: 1, arbitrary: fc.record({ act: act('erase'), source }) },
    { weight: 1, arbitrary: fc.record({ act: act('shift'), quarters: fc.constantFrom(-4, 0, 4, 1) }) },
    { weight: 3, arbitrary: fc.record({ act: act('source'), source, on: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ act: act('arm'), on: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ act: act('off while armed') }) },
    { weight: 3, arbitrary: fc.record({ act: act('target'), target, on: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        act: act('fault'),
        target,
        fault: fc.constantFrom<Fault[]>('busy', 'refused', 'broken', 'timeout', 'lost answer'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ act: act('corrupt'), source, count: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ act: act('failing'), source, count: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.record({ act: fc.constantFrom('damage', 'lose'), number }) },
    { weight: 1, arbitrary: fc.record({ act: act('disk'), full: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({ act: fc.constantFrom('retry', 'forget', 'first', 'fetch'), number }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constantFrom('cancel', 'evict'), number }) },
    {
      weight: 3,
      arbitrary: fc.record({
        act: act('edit'),
        number,
        state: fc.constantFrom<FileState[]>(FileState.FOUND, FileState.DOWNLOADED, FileState.FAILED),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        act: act('retarget'),
        number,
        targets: fc.subarray(TARGET_NAMES, { minLength: 1 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ act: act('pause'), on: fc.boolean() }) },
    { weight: 5, arbitrary: fc.record({ act: act('rescan') }) },
    { weight: 12, arbitrary: fc.record({ act: act('wake') }) },
    { weight: 24, arbitrary: fc.record({ act: act('time'), ms: time }) },
    {
      weight: 1,
      arbitrary: fc.record({
        act: act('wall'),
        delta: fc.constantFrom(-86_400_000, -60_000, 60_000, 86_400_000, 1e10),
      }),
    },
    { weight: 1, arbitrary: fc.record({ act: act('synchronised'), on: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ act: act('latency'), ms: fc.constantFrom(0, 200, 15_000) }) },
    {
      weight: 9,
      arbitrary: fc.record({
        act: act('restart'),
        how: fc.constantFrom('kill' as const, 'kill' as const, 'stop' as const, 'reboot', 'power cut'),
        rules: fc.oneof(
          { weight: 3, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: rulesOf(settle) },
        ),
        downtime: fc.constantFrom(0, 0, 5_000, 7_200_000),
        wall: fc.constantFrom('goes on', 'restarts'),
      }),
    },
  );

export const stepsIn = ({ settle }: Setting): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      act: acts(settle),
      turns: fc.oneof(fc.constant('rest' as const), fc.integer({ min: 0, max: 12 }), fc.nat(80)),
    }),
    { maxLength: 60, size: 'max' },
  );

// ---- how it happens

export async function perform(world: World, { act, turns }: Step): Promise<void> {
  await happens(world, act);
  if (turns === 'rest') return world.settle();
  for (let turn = 0; turn < turns; turn++) await setImmediate();
}

let bytesMade = 0;

/** No two files hold the same. */
const newBytes = (size: number): Buffer => Buffer.from(sample(size, ++bytesMade));

/** A marker lists the other files of its folder, or says nothing of them. */
function bytesFor(world: World, { source, path, size }: Extract<Act, { act: 'put' | 'take' }>): Buffer {
  const bytes = newBytes(size);
  if (!path.endsWith(`/${MARKER}`) || size < 700) return bytes;
  const folder = path.slice(0, -MARKER.length);
  const others = [...world.drive(source).files.keys()].filter(one => one !== path && one.startsWith(folder));
  const list = Buffer.from(metadata(others.map(one => one.slice(folder.length))));
  return Buffer.concat([list, Buffer.from(`# ${bytesMade} ${bytes.toString('hex').slice(0, size % 300)}\n`)]);
}

/** A run makes the same bytes whenever it is repeated. */
export function beginBytes(): void {
  bytesMade = 0;
}

async function happens(world: World, one: Act): Promise<void> {
  const { clock } = world;
  switch (one.act) {
    case 'put':
      return world.drive(one.source).put(one.path, bytesFor(world, one));
    case 'grow':
    case 'replace':
      return rewrite(world, one);
    case 'take':
      return world.drive(one.source).take(one.path);
    case 'erase':
      return [...world.drive(one.source).files.keys()].forEach(path => world.drive(one.source).take(path));
    case 'shift':
      world.drive('folder').shift = one.quarters * QUARTER_MS;
      return;
    case 'source':
      world.drive(one.source).available = one.on;
      return world.probe();
    case 'arm':
      return arm(world, one.on, true);
    case 'off while armed':
      return arm(world, true, false);
    case 'target':
      world.shelf(one.target).available = one.on;
      return world.probe();
    case 'fault':
      return void world.shelf(one.target).faults.push(one.fault);
    case 'corrupt':
      world.drive(one.source).corrupt = one.count;
      return;
    case 'failing':
      world.drive(one.source).failing = one.count;
      return;
    case 'damage':
    case 'lose':
      return spoil(world, one);
    case 'disk':
      world.fs.full = one.full;
      return;
    case 'pause':
      return world.engine?.pause(one.on);
    case 'wake':
      return world.wake();
    case 'rescan':
      return world.engine?.rescan();
    case 'time':
      return world.advance(one.ms);
    case 'wall':
      clock.synchronised = false;
      return clock.setWall(Math.max(0, clock.now() + one.delta));
    case 'synchronised':
      return one.on ? world.setClockRight() : void (clock.synchronised = false);
    case 'latency':
      world.latency = one.ms;
      return;
    case 'restart':
      return restart(world, one);
    default:
      return ask(world, one);
  }
}

function rewrite(world: World, { act, source, path }: Extract<Act, { act: 'grow' | 'replace' }>): void {
  const drive = world.drive(source);
  const old = drive.files.get(path)?.bytes;
  if (!old) return;
  drive.put(path, act === 'grow' ? Buffer.concat([old, newBytes(300)]) : newBytes(old.length));
}

function arm(world: World, armed: boolean, available: boolean): void {
  const vehicle = world.drive('vehicle');
  const wasArmed = vehicle.armed && vehicle.available;
  Object.assign(vehicle, { armed, available: available && vehicle.available });
  if (wasArmed && !(vehicle.armed && vehicle.available)) world.referee.disarmedAt = world.clock.monotonic();
  world.probe();
}

function spoil(world: World, { act, number }: Extract<Act, { act: 'damage' | 'lose' }>): void {
  const copies = world.fs.paths().filter(path => path.startsWith('/local/') && !path.endsWith('.part'));
  const path = copies[number % Math.max(1, copies.length)];
  if (path === undefined) return;
  if (act === 'lose') return world.fs.drop(path);
  const inode = world.fs.get(path);
  if (!inode || inode.content.length === 0) return;
  const content = Buffer.from(inode.content);
  content[0] = (content[0] ?? 0) ^ 1;
  Object.assign(inode, { content, durable: content, unsynced: [] });
}

type Asking = Extract<Act, { act: Request | 'edit' | 'retarget' }>;

/** They take back nothing that was done. */
const UNDO_NOTHING: ReadonlySet<Asking['act']> = new Set(['first', 'cancel', 'evict']);

/** Every request goes through the daemon's own checks. */
function ask(world: World, one: Asking): void {
  const { api, engine, referee, records } = world;
  const record: FileRecord | undefined = records[one.number % Math.max(1, records.length)];
  if (!record || !api || !engine) return;
  const { id } = record;
  const isTarget = (name: string) => engine.isTarget(name);
  const requests: Readonly<Record<Asking['act'], () => Promise<unknown>>> = {
    retry: () => api.retry({ ids: [id] }),
    forget: () => api.forget({ ids: [id] }),
    first: () => api.first({ ids: [id] }),
    fetch: () => api.fetch({ ids: [id] }),
    cancel: () => api.cancel({ ids: [id] }),
    evict: () => api.evict(id),
    edit: () => api.edit(id, one.act === 'edit' ? { state: one.state } : {}, isTarget),
    retarget: () => api.edit(id, one.act === 'retarget' ? { targets: one.targets } : {}, isTarget),
  };
  if (!UNDO_NOTHING.has(one.act)) referee.editing = id;
  // What it changes is visible at once; no caller waits for the disk.
  requests[one.act]().catch(() => undefined);
  referee.editing = undefined;
  if (engine.records.get(id) !== record && !UNDO_NOTHING.has(one.act)) referee.edited(id);
}

async function restart(world: World, { how, rules, downtime, wall }: Extract<Act, { act: 'restart' }>) {
  if (how === 'kill') world.kill();
  if (how === 'stop') await world.stop();
  if (how === 'reboot' || how === 'power cut')
    await world.reboot(how === 'power cut', wall === 'goes on' ? world.clock.now() : 0);
  if (wall === 'restarts' && how !== 'kill' && how !== 'stop') world.clock.synchronised = false;
  await world.sleep(downtime);
  await world.start(rules ?? world.rules);
}
