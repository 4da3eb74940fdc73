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

/** Deliveries that wait for an upload, in order. */
export function openDeliveries(record: FileRecord): string[] {
  return Object.entries(record.targets)
    .filter(([, delivery]) => delivery.state !== 'done' && delivery.state !== 'failed')
    .map(([target]) => target);
}

/** The state of a file that we hold, as its deliveries tell it. */
export function deliveryState(targets: Readonly<Record<string, Delivery>>): FileState {
  const states = Object.values(targets).map(delivery => delivery.state);
  if (states.some(state => state === 'sending' || state === 'committing')) return FileState.UPLOADING;
  const open = states.includes('pending');
  if (!open && states.includes('failed')) return FileState.FAILED;
  if (!open) return FileState.UPLOADED;
  return states.includes('done') ? FileState.PARTIAL : FileState.DOWNLOADED;
}

/** The record with one delivery changed and its state to match. */
export function withDelivery(record: FileRecord, target: string, delivery: Delivery): FileRecord {
  const targets = { ...record.targets, [target]: delivery };
  const reason = Object.entries(targets).flatMap(([name, one]) =>
    one.reason ? [`${name}: ${one.reason}`] : [],
  );
  return withReason({ ...record, targets, state: deliveryState(targets) }, reason.join('; '));
}

/** The record with a reason, or without one where it is empty. */
export function withReason(record: FileRecord, reason: string): FileRecord {
  const { reason: _old, ...rest } = record;
  return reason ? { ...rest, reason } : rest;
}

/**
 * What a process that died left behind, as a record at rest. A download goes on from its checkpoint; an upload that
 * had not begun to commit is certainly not complete and begins again; one that had stays `committing`.
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
 * An unfinished record with the targets that today's rules name added. Without a plan (no rule takes the file any more)
 * it stays as it is; finished files are not delivered again because a rule has a new target.
 */
export function reconciled(record: FileRecord, plan: Plan | undefined): FileRecord {
  const added = plan?.targets.filter(target => !record.targets[target.device]) ?? [];
  if (added.length === 0 || record.state === FileState.UPLOADED || record.state === FileState.REMOVED)
    return record;
  const pending = Object.fromEntries(added.map(target => [target.device, { state: 'pending' as const }]));
  return { ...record, targets: { ...record.targets, ...pending } };
}

/** A FAILED record brought back: its failed deliveries wait again, or it is fetched again where we do not hold it. */
export function retried(record: FileRecord): FileRecord {
  const targets = Object.fromEntries(
    Object.entries(record.targets).map(([name, one]) => [name, reopened(one)]),
  );
  const state = record.kept ? deliveryState(targets) : FileState.FOUND;
  return withReason({ ...record, targets, state }, '');
}

function reopened(delivery: Delivery): Delivery {
  if (delivery.state === 'done') return delivery;
  return { state: 'pending', ...(delivery.path !== undefined && { path: delivery.path }) };
}
