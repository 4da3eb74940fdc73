import { createHash } from 'node:crypto';
import type { Plan } from '../rules/plan.js';
import { FileState, type Delivery, type FileRecord, type SourceFile } from '../ports.js';

/**
 * Twelve hex digits from device, path, size, time and checksum. `generation` counts files that are alike in all of
 * these: one that appears after we removed its like from the source is another file.
 */
export function recordId(device: string, file: SourceFile, generation = 0): string {
  const checksum = file.checksum ? `${file.checksum.algorithm}:${file.checksum.value}` : '';
  const identity = [device, file.path, file.size, file.modified ?? '', checksum, generation];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12);
}

/** The path with `~tag` before its extension: the name of another version beside the first. */
export function besideName(path: string, tag: string): string {
  const [, stem = path, extension = ''] = /^(.*?[^/])(\.[^./]+)?$/s.exec(path) ?? [];
  return `${stem}~${tag}${extension}`;
}

/** Targets that wait for the file, in order. */
export function openDeliveries(record: FileRecord): string[] {
  return Object.keys(record.targets).filter(target => openDelivery(record, target));
}

/** The target's delivery if it is neither done nor given up. */
export function openDelivery({ targets }: FileRecord, target: string): Delivery | undefined {
  const delivery = targets[target];
  return delivery?.state === 'done' || delivery?.state === 'failed' ? undefined : delivery;
}

/** The state of a record in which nothing moves that its deliveries do not tell of. */
export function restingState({ targets, kept, via }: FileRecord): FileState {
  const states = Object.values(targets).map(delivery => delivery.state);
  const moves = states.some(state => state === 'sending' || state === 'committing');
  const open = moves || states.includes('pending');
  if (!open) return states.includes('failed') ? FileState.FAILED : FileState.UPLOADED;
  if (!kept && via !== 'stream') return FileState.FOUND;
  if (moves) return FileState.UPLOADING;
  if (states.includes('done')) return FileState.PARTIAL;
  return kept ? FileState.DOWNLOADED : FileState.FOUND;
}

/** The record with one delivery changed and its state to match. */
export function withDelivery(record: FileRecord, target: string, delivery: Delivery): FileRecord {
  const changed = { ...record, targets: { ...record.targets, [target]: delivery } };
  const reason = Object.entries(changed.targets).flatMap(([name, one]) =>
    one.reason ? [`${name}: ${one.reason}`] : [],
  );
  return withReason({ ...changed, state: restingState(changed) }, reason.join('; '));
}

/** The record with a reason, or without one where it is empty. */
export function withReason(record: FileRecord, reason: string): FileRecord {
  const { reason: _old, ...rest } = record;
  return reason ? { ...rest, reason } : rest;
}

/**
 * What a process that died left behind, as a record at rest. A download goes on from its checkpoint; an upload that
 * had not begun to commit begins again, where the target can tell with asking it; one that had stays `committing`.
 */
export function recovered(record: FileRecord): FileRecord {
  if (record.state === FileState.DOWNLOADING) return { ...record, state: FileState.FOUND };
  const interrupted = Object.entries(record.targets).filter(([, delivery]) => delivery.state === 'sending');
  return interrupted.reduce(
    (now, [target, one]) => withDelivery(now, target, { ...one, state: 'pending' }),
    record,
  );
}

/**
 * An unfinished record with the targets that today's rules name added, on the way that they name. Without a plan (no rule
 * takes the file any more) it stays as it is; finished files are not delivered again because a rule has a new target.
 */
export function reconciled(record: FileRecord, plan: Plan | undefined): FileRecord {
  if (!plan || record.state === FileState.UPLOADED || record.state === FileState.REMOVED) return record;
  return rerouted(withTargets(record, plan), plan);
}

function withTargets(record: FileRecord, plan: Plan): FileRecord {
  const added = plan.targets.filter(target => !record.targets[target.device]);
  if (added.length === 0) return record;
  const pending = Object.fromEntries(added.map(target => [target.device, { state: 'pending' as const }]));
  return { ...record, targets: { ...record.targets, ...pending } };
}

/** What has been fetched, or begun to be, goes on from there; a stream that is none any more is fetched. */
function rerouted(record: FileRecord, plan: Plan): FileRecord {
  const { via: before, ...rest } = record;
  const via = plan.via === 'stream' && !record.kept && !record.checkpoint ? plan.via : undefined;
  if (via === before) return record;
  const changed: FileRecord = { ...rest, ...(via && { via }) };
  const rests = record.state === FileState.FAILED || record.state === FileState.VANISHED;
  return rests ? changed : { ...changed, state: restingState(changed) };
}

/** A FAILED record brought back: its failed deliveries wait again, or it is fetched again where we do not hold it. */
export function retried(record: FileRecord): FileRecord {
  const targets = Object.fromEntries(
    Object.entries(record.targets).map(([name, one]) => [name, reopened(one)]),
  );
  const changed = { ...record, targets };
  const state = record.kept || record.via === 'stream' ? restingState(changed) : FileState.FOUND;
  return withReason({ ...changed, state }, '');
}

function reopened(delivery: Delivery): Delivery {
  if (delivery.state === 'done') return delivery;
  return { state: 'pending', ...(delivery.path !== undefined && { path: delivery.path }) };
}
