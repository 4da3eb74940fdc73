import { hasBytes, reasonOf, stateOf } from '../../src/record/state.js';
import { FileState, type FileRecord } from '../../src/ports.js';
import { isAllDone, Referee } from './referee.js';
import { folderOf, isMarker, isTogether, listedIn, MARKER } from './units.js';
import type { SourceName, TargetName, World } from './world.js';

/** ms that are given for everything to come to rest: longer than any pause, wait or retention of the rules. */
const PATIENCE_MS = 8 * 3_600_000;
const LOOK_MS = 600_000;

/** A reason that names what a person can do. */
const REMEDY = /filesync |by hand|look there|check |switch |free |set /;

/** Everything works again, and time goes by. */
export async function comeToRest(world: World): Promise<void> {
  mendAll(world);
  await world.advance(LOOK_MS);
  for (let passed = 0; passed < PATIENCE_MS; passed += LOOK_MS) {
    if (complaints(world).length === 0 || world.referee.violations.length > 0) break;
    await world.advance(LOOK_MS);
  }
  world.referee.violations.push(...complaints(world));
}

function mendAll(world: World): void {
  const vehicle = world.drive('vehicle');
  if (vehicle.armed && vehicle.available) world.referee.disarmedAt = world.clock.monotonic();
  for (const drive of world.drives.values())
    Object.assign(drive, { available: true, armed: false, corrupt: 0, failing: 0 });
  for (const shelf of world.shelves.values()) Object.assign(shelf, { available: true, faults: [] });
  world.fs.full = false;
  world.latency = 0;
  world.setClockRight();
  world.engine?.pause(false);
  world.probe();
}

/** What is not as it must be at rest. */
function complaints(world: World): string[] {
  return [
    ...world.records.flatMap(record => complaintsOf(world, record)),
    ...[...world.drives.keys()].flatMap(name => leftOn(world, name)),
    ...(world.activity.running > 0 ? ['a step is still running'] : []),
  ];
}

function complaintsOf(world: World, record: FileRecord): string[] {
  const state = stateOf(record);
  const reason = reasonOf(record);
  const what = Referee.describe(record);
  const { UPLOADED, REMOVED, SKIPPED, VANISHED, FAILED } = FileState;
  const owed = owedTarget(world, record);
  if (owed !== undefined) return [`${what} was not sent to ${owed}, which is named again`];
  if (state === FAILED) return REMEDY.test(reason) ? [] : [`${what} does not say what to do`];
  if (state === SKIPPED || state === VANISHED) return reason === '' ? [`${what} does not say why`] : [];
  if (state === UPLOADED || state === REMOVED) return afterwards(world, record);
  if (waitsForUnit(world, record)) return [];
  return [`${what} is not at rest: ${world.engine?.waits(record)[0]?.reason ?? 'no reason is known'}`];
}

/** A target that the rules name, and that the record had before they did not. */
function owedTarget({ planner }: World, record: FileRecord): string | undefined {
  const plan = planner.planFor(record);
  if (record.byHand || !plan || plan.skip !== undefined || !hasBytes(record)) return undefined;
  return plan.targets.map(({ device }) => device).find(name => record.former?.[name] !== undefined);
}

/** Its unit is not complete, or one of its other files failed or is not wanted, so that it waits until a person does something. */
function waitsForUnit(world: World, record: FileRecord): boolean {
  if (!isTogether(world.planner, record)) return false;
  const waits = world.engine?.waits(record) ?? [];
  if (waits.length === 0 || waits.some(({ code, reason }) => code !== 'together' || reason === ''))
    return false;
  const inFolder = world.records.filter(
    ({ device, path }) => device === record.device && folderOf(path) === folderOf(record.path),
  );
  const isStuck = (one: FileRecord) => {
    const state = stateOf(one);
    return one.removal === 'refused' || one.source.state === 'gone' || STUCK.has(state);
  };
  if (inFolder.some(isStuck)) return true;
  const kept = inFolder.find(({ path }) => isMarker(path));
  if (kept && world.planner.planFor(kept)?.after.source !== 'delete') return true;
  const { files } = world.drive(record.device as SourceName);
  const marker = files.get(`${folderOf(record.path)}${MARKER}`);
  return !marker || !listedIn(marker.bytes).every(name => files.has(`${folderOf(record.path)}${name}`));
}

const STUCK: ReadonlySet<FileState> = new Set([FileState.FAILED, FileState.SKIPPED, FileState.VANISHED]);

function afterwards(world: World, record: FileRecord): string[] {
  const what = Referee.describe(record);
  const plan = world.planner.planFor(record);
  const waits = plan?.after.source === 'delete' && record.source.state === 'present';
  if (waits && waitsForUnit(world, record)) return [];
  if (waits && record.removal !== 'refused') return [`${what} is still on its source`];
  if (waits && record.reason === undefined) return [`${what} does not say why it is still on its source`];
  const evicts = plan?.after.local.kind === 'delete' && !waits && !waitsForUnit(world, record);
  return evicts && record.copy.state === 'whole' ? [`${what} still has a local copy`] : [];
}

function leftOn(world: World, name: SourceName): string[] {
  const drive = world.drive(name);
  return drive.list(name === 'folder').flatMap(({ path, size, modified }) => {
    if (!world.planner.plan(name, path)) return [];
    const what = `${name}:${path}`;
    const record = world.records.findLast(
      one => one.device === name && one.path === path && one.size === size && one.source.state === 'present',
    );
    if (!record) return [`${what} (${size} bytes) is in no record`];
    if (modified !== undefined && record.modified !== modified)
      return [`${what} has a record of another time`];
    const bytes = drive.files.get(path)?.bytes ?? Buffer.alloc(0);
    const isHidden = modified === undefined && drive.hadAlike(path, bytes);
    if (!isAllDone(record) || isHidden) return [];
    return Object.keys(record.targets).flatMap(target =>
      [...world.shelf(target as TargetName).files.values()].some(held => held.bytes.equals(bytes))
        ? []
        : [`${target} has not got ${what}, as it says`],
    );
  });
}
