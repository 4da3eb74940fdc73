import { firstValueFrom, map, merge, timer, type Observable } from 'rxjs';
import { toFileSyncError, type FileSyncError } from '../../errors.js';
import type { Availability, Clock, Source, SourceFile } from '../../ports.js';
import type { KnownFiles, SourceListing } from '../../preview/preview.js';
import type { WhileArmed } from '../../rules/rule.js';
import { UNKNOWN } from '../../system/availability.js';
import { withDeadline } from '../../system/deadline.js';
import { aborted } from '../../system/rx.js';

/** Longer than any device takes to report that it is offline. */
const AVAILABILITY_TIMEOUT_MS = 12_000;

/**
 * The first availability that a device reports, which it knows by then; after the time limit, that it does not answer. Rejects with
 * `cancelled` when the signal aborts.
 */
export function settled(availability: Observable<Availability>, over: AbortSignal): Promise<Availability> {
  const reason = `no answer for ${AVAILABILITY_TIMEOUT_MS / 1000} s`;
  const late = timer(AVAILABILITY_TIMEOUT_MS).pipe(map(() => ({ ...UNKNOWN, reason })));
  return firstValueFrom(merge(availability, late, aborted(over)));
}

export interface ListingOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  /** Time limit; after it, what was listed so far counts. */
  readonly ms?: number;
  /** Of the rules that take files from there. */
  readonly whileArmed: WhileArmed;
}

/** A listing, and why the source could not be listed to its end, if that is a fault. */
export interface ListingResult {
  readonly listing: SourceListing;
  readonly error?: FileSyncError;
}

/** All files of an available source. Rejects with `cancelled` only. */
export async function listed(
  source: Source,
  over: AbortSignal,
  { clock, ms, whileArmed }: ListingOptions,
): Promise<ListingResult> {
  const { armed } = await settled(source.availability, over);
  if (armed && whileArmed !== 'continue') return incomplete([], 'the vehicle is armed');
  const files: SourceFile[] = [];
  const collect = async (signal: AbortSignal): Promise<void> => {
    for await (const file of source.list(signal)) files.push(file);
  };
  try {
    await withDeadline(collect, { signal: over, clock, ms });
    return { listing: { files, from: 'source' } };
  } catch (thrown) {
    const error = toFileSyncError(thrown);
    if (over.aborted) throw error;
    const isLate = error.kind === 'timeout' && error.device === undefined;
    const result = incomplete(
      files,
      isLate ? `listing it takes longer than ${(ms ?? 0) / 1000} s` : error.message,
    );
    return isLate ? result : { ...result, error };
  }
}

const incomplete = (files: readonly SourceFile[], why: string): ListingResult => ({
  listing: { files, from: 'source', incomplete: why },
});

/** What the records say of a source that only the running daemon may list. */
export function listingOf(device: string, known: KnownFiles): SourceListing {
  const files = [...known.all()].filter(
    record => record.device === device && record.source.state === 'present',
  );
  return { files, from: 'records' };
}
