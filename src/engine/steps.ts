import type { Availability, FileRecord } from '../ports.js';
import { evictionWait, removalWait, type AfterDelivery } from '../rules/after-delivery.js';
import type { Plan } from '../rules/plan.js';
import { MIN_DURATION } from '../rules/selection.js';
import type { WhileArmed } from '../rules/rule.js';
import { isHeld } from '../record/other-bytes.js';
import type { Step } from '../record/step.js';
import type { StepKind, Wait } from '../record/wait.js';
import { hasLocalCopy, isCopyUnwanted, isCopyWanted, isDelivered, openTargets } from '../record/state.js';

export type { Progressed, Step, StepWorker } from '../record/step.js';

/** One end of a device, as it is now. */
export interface EndState extends Pick<Availability, 'closed' | 'uid'> {
  readonly available: boolean;
  readonly reason: string;
  /** An available vehicle reports that it is armed. */
  readonly armed: boolean;
  /** Monotonic ms since which it has been available or offline, armed or disarmed. */
  readonly since: number;
  /** Monotonic ms until which a vehicle that has just been disarmed is not used. */
  readonly quietUntil?: number;
}

/** All that a decision may depend on besides the record and its plan: plain values and functions without effects. */
export interface World extends AfterDelivery {
  readonly paused: boolean;
  /** Overrides the rules. */
  readonly whileArmed: WhileArmed | undefined;
  source(device: string): EndState | undefined;
  target(device: string): EndState | undefined;
  /** Any vehicle is armed. */
  readonly vehicleArmed: boolean;
  /** A person wants the file delivered now, whatever `hours`, `over` and `unmetered` say. */
  pushed(id: string): boolean;
  /** The pause before the next attempt of a step that failed. */
  retry(key: string): Wait | undefined;
  /** What a step of a file waits for because of other files of its unit. */
  together(step: Step): Wait | undefined;
}

function step(kind: StepKind, id: string, source?: string, target?: string): Step {
  const key = target === undefined ? `${kind} ${id || source}` : `${kind} ${id || source} ${target}`;
  if (target === undefined) return source === undefined ? { kind, id, key } : { kind, id, key, source };
  return source === undefined ? { kind, id, key, target } : { kind, id, key, source, target };
}

export const scanStep = (device: string): Step => step('scan', '', device);

/** The steps that a record's facts ask for, independent of the world, in the order in which they are due. */
export function stepsFor(record: FileRecord, plan: Plan | undefined): readonly Step[] {
  const { id, device } = record;
  if (record.source.state === 'removed' || isDelivered(record)) return afterwards(record, plan);
  if (isStopped(record)) return isShortCopy(record) ? [step('evict', id)] : [];
  if (isUnsure(record)) return [step('recover', id)];
  const targets = openTargets(record);
  if (hasLocalCopy(record)) return targets.map(target => step('deliver', id, undefined, target));
  if (targets.length === 0 || !isPresent(record)) return [];
  if (record.via === 'stream') return targets.map(target => step('stream', id, device, target));
  return [step('fetch', id, device)];
}

const isStopped = ({ givenUp, skipped }: FileRecord): boolean => givenUp === true || skipped !== undefined;
/** Where no rule names the file any more. */
const KEEP: Pick<Plan, 'after'> = { after: { source: 'keep', local: { kind: 'keep' } } };
const isPresent = ({ source }: FileRecord): boolean => source.state === 'present';
/** The finished copy was about to get its name. If a target has the file, its fetch step looks for the copy. */
const isUnsure = (record: FileRecord): boolean =>
  record.copy.state === 'partial' && record.sha256 !== undefined && !(isPresent(record) && isHeld(record));

/** The local copy of a log that turned out to be too short: its source has the file, and no target has any of it. */
export function isShortCopy(record: FileRecord): boolean {
  if (!hasLocalCopy(record) || record.skipped?.startsWith(MIN_DURATION) !== true) return false;
  const deliveries = Object.values(record.targets);
  return isPresent(record) && deliveries.every(({ state, tried }) => state === 'pending' && !tried);
}

/** What an earlier run of the program has learned of the source may not be true any more. */
function shortCopyWait(record: FileRecord, world: World): Wait | undefined {
  if (world.sighting(record).isLearned && world.source(record.device)?.available) return undefined;
  return { code: 'kept', reason: 'the local copy stays until its source shows that it has the file' };
}

/**
 * The local copy proves the bytes of the source's file: it is deleted after that. Where the source keeps the file until it needs
 * the space, the copy is not kept that long: the targets' proof is used then.
 */
function afterwards(record: FileRecord, { after }: Pick<Plan, 'after'> = KEEP): readonly Step[] {
  const [{ id, device }, { source, local }] = [record, after];
  if (isCopyWanted(record)) return [step('fetch', id, device)];
  const removable = record.source.state === 'present' && record.removal !== 'refused';
  const removes = removable && source !== 'keep' ? [step('remove', id, device)] : [];
  const evicts = isCopyUnwanted(record, local) ? [step('evict', id)] : [];
  return removes.length > 0 && source === 'delete' ? removes : [...removes, ...evicts];
}

/** Why the step does not begin now; undefined: it can begin. */
export function waitOf(
  step: Step,
  record: FileRecord,
  plan: Plan | undefined,
  world: World,
): Wait | undefined {
  return (
    ownWait(step, record, plan, world) ??
    gateOf(step, plan?.whileArmed ?? 'upload-only', world, record.device)
  );
}

/** The step's own reason to wait: the pause after a failure, other files of its unit, or a condition of its rule. */
export function ownWait(
  step: Step,
  record: FileRecord | undefined,
  plan: Plan | undefined,
  world: World,
): Wait | undefined {
  const wait = world.retry(step.key) ?? world.together(step);
  if (wait || !record || !plan) return wait;
  if (step.kind === 'remove') return removalWait(record, plan, world);
  if (step.kind !== 'evict') return undefined;
  return isDelivered(record) ? evictionWait(record, plan, world) : shortCopyWait(record, world);
}

/**
 * The reason to wait that all such steps share: paused, a device offline, a vehicle armed. `owner`: the source whose vehicle
 * decides whether deliveries may go on.
 */
export function gateOf(step: Step, ruled: WhileArmed, world: World, owner?: string): Wait | undefined {
  if (step.kind === 'evict' || step.kind === 'recover') return undefined;
  if (world.paused) return { code: 'paused', reason: 'paused', interrupts: true };
  const mode = world.whileArmed ?? ruled;
  const atSource =
    step.source === undefined
      ? undefined
      : (sourceGate(step.source, mode, world) ?? linkGate(step.id, world.source(step.source), world));
  if (atSource || step.target === undefined) return atSource;
  const atTarget = targetGate(step.target, mode, world, owner);
  return atTarget ?? linkGate(step.id, world.target(step.target), world);
}

const linkGate = (id: string, end: EndState | undefined, world: World): Wait | undefined =>
  end?.closed && !world.pushed(id) ? end.closed : undefined;

const ARMED = { code: 'armed', reason: 'the vehicle is armed', interrupts: true } as const;
const offlineWait = ({ reason, since }: EndState): Wait => ({ code: 'offline', reason, since });
const unknownDevice = (device: string): Wait => {
  const reason = `${device} is not in the configuration`;
  return { code: 'unknown_device', reason, interrupts: true };
};

function sourceGate(device: string, mode: WhileArmed, world: World): Wait | undefined {
  const end = world.source(device);
  if (!end) return unknownDevice(device);
  if (mode !== 'continue' && end.armed) return { ...ARMED, since: end.since };
  if (mode !== 'continue' && end.quietUntil !== undefined && end.quietUntil > world.now.up) {
    const reason = 'the vehicle has just been disarmed';
    return { code: 'settling_after_disarm', reason, until: end.quietUntil, interrupts: true };
  }
  return end.available ? undefined : offlineWait(end);
}

function targetGate(device: string, mode: WhileArmed, world: World, owner?: string): Wait | undefined {
  const end = world.target(device);
  if (!end) return unknownDevice(device);
  const vehicle = owner === undefined ? undefined : world.source(owner);
  const armed = world.whileArmed === 'pause' ? world.vehicleArmed : vehicle?.armed;
  if (mode === 'pause' && armed) return { ...ARMED, ...(vehicle && { since: vehicle.since }) };
  return end.available ? undefined : offlineWait(end);
}
