import { toFileSyncError, type FileSyncError } from '../errors.js';
import type { FileRecord, LogLevel, Target } from '../ports.js';
import { GIVEN_UP } from './moot.js';
import { nextOf } from './state.js';
import { formatSize } from '../system/size.js';

/** The progress of a running transfer. */
export interface Progress {
  readonly id: string;
  readonly device: string;
  readonly path: string;
  /** The target of an upload; absent for a download. */
  readonly target?: string;
  /** Bytes that have been transferred, those of earlier attempts included. */
  readonly bytes: number;
  /** Bytes in all. */
  readonly size: number;
}

/** A transfer that is under way. */
export interface RunningTransfer extends Progress {
  /** In the last seconds; 0 while that is not known. */
  readonly bytesPerSecond: number;
}

/** Of a transfer, or of several. */
type Amount = Pick<Progress, 'bytes' | 'size'>;

/** 0 to 100; nothing to transfer is all. */
export const percentOf = ({ bytes, size }: Amount): number =>
  size > 0 ? Math.min(100, (100 * bytes) / size) : 100;

/** Undefined while it is not known. */
export const secondsLeftOf = ({ bytes, size, bytesPerSecond }: RunningTransfer): number | undefined =>
  bytesPerSecond > 0 ? Math.max(0, size - bytes) / bytesPerSecond : undefined;

/** For the log: the file, and where it goes. */
export const transferName = ({
  device,
  path,
  target,
}: Pick<Progress, 'device' | 'path' | 'target'>): string =>
  `${device}:${path}${target === undefined ? '' : ` -> ${target}`}`;

export function progressOf(record: FileRecord, bytes: number, target?: string): Progress {
  const { id, device, path, size } = record;
  return { id, device, path, bytes, size, ...(target !== undefined && { target }) };
}

/** A step as far as the log of its interruption depends on it. */
interface InterruptedStep {
  readonly kind: string;
  readonly key: string;
  readonly target?: string;
}

interface InterruptedRun {
  readonly control: AbortController;
  readonly rate: { readonly position: number };
}

const TRANSFERS: Readonly<Record<string, string>> = {
  ...{ fetch: 'download', deliver: 'upload', stream: 'transfer' },
};
/** The reason for which steps are aborted when the program ends. */
const ENDED = 'cancelled';
/** Whether a step failed because it was aborted. An error of our own disk, such as no space, has another cause. */
export const isInterruption = ({ kind, origin }: FileSyncError, signal: AbortSignal): boolean =>
  signal.aborted && (kind === 'cancelled' || origin !== 'local');

/** For the log: what failed, and when it is attempted again (`pause`, ms; undefined: not in this run). */
export function failureText(error: FileSyncError, pause: number | undefined): string {
  const when = pause === undefined ? '' : ` in ${Math.round(pause)} ms`;
  const what = error.origin === undefined ? error.kind : `${error.kind}, ${error.origin}`;
  return `failed (${what}): ${error.message} (${nextOf(!error.temporary, pause === undefined)}${when})`;
}

/** For the log: which transfer was interrupted and why, how much of it is kept, and when it goes on. */
export function interruptionOf(
  { kind, key, target }: InterruptedStep,
  { control, rate }: InterruptedRun = { control: new AbortController(), rate: { position: 0 } },
  record: FileRecord | undefined,
  targets: { target(name: string): Target | undefined },
): [LogLevel, string] {
  const reason = toFileSyncError(control.signal.reason).message;
  const act = TRANSFERS[kind];
  if (!record || act === undefined || rate.position === 0) return ['debug', `${key}: interrupted: ${reason}`];
  const refuses = target !== undefined && targets.target(target)?.capabilities.resume === false;
  const how = reason === ENDED ? 'stopped' : `interrupted (${reason})`;
  const kept = keptOf(rate.position, record.size, refuses ? target : undefined, reason);
  return ['info', `${transferName(progressOf(record, 0, target))}: ${act} ${how}${kept}`];
}

/** Who resumes the transfer, and when, by the reason of its interruption. */
const RESUMING: ReadonlyMap<string, readonly [who: string, when: string]> = new Map([
  [ENDED, ['the next run', '']],
  [GIVEN_UP, ['`filesync retry`', '']],
]);

function keptOf(position: number, size: number, refusing: string | undefined, reason: string): string {
  const amount = `${formatSize(position)} of ${formatSize(size)}`;
  const [who, when] = RESUMING.get(reason) ?? ['it', ' when that is over'];
  return refusing === undefined
    ? `: kept ${amount}; ${who} resumes there${when}`
    : ` at ${amount}; ${who} begins again${when}, since ${refusing} cannot resume`;
}

/** For the log: why the local copy is gone. */
export const evictionOf = ({ device, path, evict }: FileRecord): string =>
  `${device}:${path}: local copy removed, as ${evict ? 'a person asked' : 'its rule says'}`;

/** For the log: how many delivered files are listed once more before they are removed, and in how many ms. */
export const removalWaitOf = (files: number, ms: number): string =>
  `${files} delivered files are listed once more before they are removed from their source: waiting ${Math.ceil(ms / 1000)} s`;

/** For the log: how many files may still be growing, where, and for how many ms they are waited for. */
export function settlingOf(
  scans: readonly { readonly device: string; readonly growing: readonly string[] }[],
  ms: number,
): string {
  const where = scans.map(({ device, growing }) => `${growing.length} of ${device}`).join(', ');
  return `files that may still be growing: ${where}; waiting ${Math.ceil(ms / 1000)} s until they have settled`;
}
