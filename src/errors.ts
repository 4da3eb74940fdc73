/**
 * What went wrong, as far as the engine acts on it. The value is whether another attempt can help:
 * `true` is temporary (the engine retries without limit), `false` is permanent (the file becomes FAILED).
 */
const TEMPORARY = {
  /** The device cannot be reached at all. */
  unavailable: true,
  /** The device did not answer in time. */
  timeout: true,
  /** The device is available but cannot serve us now (sessions or connections used up, 421, 503). */
  busy: true,
  /** The device refused our login or a permission. All work on the device waits until that is fixed. */
  denied: true,
  /** The device's answer violates its protocol. */
  protocol: true,
  /** A disk or a quota is full. */
  'no-space': true,
  /** The bytes that arrived are not the bytes that were sent. */
  corrupt: true,
  /** The source's file is no longer the one that was listed (it grew, shrank or was replaced). */
  changed: true,
  /** Reading or writing failed for an unknown reason. */
  io: true,
  /** The caller's signal was aborted. */
  cancelled: true,
  /** The file does not exist. */
  'not-found': false,
  /** A file of that name exists already, and is never overwritten. */
  exists: false,
  /** The target refused the file (400, wrong format). */
  rejected: false,
  /** The file is larger than the target accepts. */
  'too-large': false,
  /** The whole file was sent and no answer came: it may have arrived. */
  'lost-answer': false,
  /** The device cannot do this at all (see its capabilities). */
  unsupported: false,
  /** A file name that this device does not support or that would be harmful. */
  'bad-name': false,
  /** The configuration is wrong: exit code 2. */
  config: false,
  /** A defect of ours. */
  internal: false,
} as const satisfies Record<string, boolean>;

export type ErrorKind = keyof typeof TEMPORARY;

/** Which end of an act an error comes from; `local`: our own disk, with the local copies and the database. */
export type Origin = 'source' | 'local' | 'target';

export interface ErrorDetails {
  readonly device?: string;
  readonly origin?: Origin;
  /** What was being done, one word: list, read, stat, write, remove, checksum, probe. */
  readonly operation?: string;
  readonly path?: string;
  readonly cause?: unknown;
  /**
   * The device asks for fewer requests (HTTP 429 and 503, FTP 421, SlowDown): all work with it pauses. ms until the next attempt if
   * it says so (Retry-After); 0: it does not say how long.
   */
  readonly retryAfterMs?: number;
  /** It concerns all files, and has been reported once for all of them. */
  readonly reported?: boolean;
  /** Overrides whether another attempt can help. */
  readonly temporary?: boolean;
}

/**
 * The only error type. Devices convert the errors of their libraries to it; everything behind a port may rely on `kind` and
 * `temporary`. `message` is one sentence for a person and names the remedy if there is one; it never contains a secret.
 */
export class FileSyncError extends Error {
  readonly kind: ErrorKind;
  readonly temporary: boolean;
  readonly device: string | undefined;
  /** Undefined where no end is at fault, or none is known yet; see `fromOrigin`. */
  origin: Origin | undefined;
  readonly operation: string | undefined;
  readonly path: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** As in `ErrorDetails`. */
  readonly reported: boolean;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'FileSyncError';
    this.kind = kind;
    this.temporary = details.temporary ?? TEMPORARY[kind];
    this.device = details.device;
    this.origin = details.origin;
    this.operation = details.operation;
    this.path = details.path;
    this.retryAfterMs = details.retryAfterMs;
    this.reported = details.reported ?? false;
  }
}

/** Any thrown value as a FileSyncError; any other value is a defect (`internal`) or an abort. */
export function toFileSyncError(thrown: unknown, details: ErrorDetails = {}): FileSyncError {
  if (thrown instanceof FileSyncError) return thrown;
  const cause = { ...details, cause: thrown };
  if (isAbort(thrown)) return new FileSyncError('cancelled', 'cancelled', cause);
  return new FileSyncError('internal', thrown instanceof Error ? thrown.message : String(thrown), cause);
}

/** The work of one end. Its error gets that origin unless a part of the work has set another one. */
export async function fromOrigin<Value>(origin: Origin, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (thrown) {
    throw withOrigin(origin, thrown);
  }
}

/** The items of one end, such as a file's bytes; errors as for `fromOrigin`. */
export async function* streamFrom<Item>(origin: Origin, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  try {
    yield* items;
  } catch (thrown) {
    throw withOrigin(origin, thrown);
  }
}

function withOrigin(origin: Origin, thrown: unknown): FileSyncError {
  const error = toFileSyncError(thrown);
  error.origin ??= origin;
  return error;
}

/** Throws `cancelled` if the signal is aborted. */
export function throwIfAborted(signal: AbortSignal, details: ErrorDetails = {}): void {
  if (signal.aborted) throw new FileSyncError('cancelled', 'cancelled', { ...details, cause: signal.reason });
}

function isAbort(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (thrown.name === 'AbortError' || ('code' in thrown && thrown.code === 'ABORT_ERR'))
  );
}
