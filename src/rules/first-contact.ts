import type { Clock, Logger, SourceFile } from '../ports.js';
import { formatSize } from '../system/size.js';
import type { Planner } from './plan.js';

/** More files than that at the first contact are worth a question. */
export const MANY_FILES = 20;

/** The first complete listing of a source that nothing is known of. */
export interface FirstListing {
  readonly device: string;
  /** Those whose paths a rule takes. */
  readonly files: readonly SourceFile[];
  /** How many files were listed. */
  readonly seen?: number;
  /** When it began, monotonic ms. */
  readonly began: number;
  readonly memory: { firstScan: number | undefined };
  readonly planner: Pick<Planner, 'planFor'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** Notes when the first scan began, and logs once what it finds, before any of it is sent: it may be years of logs. */
export function beginFirstScan(listing: FirstListing): void {
  const { memory, began, device, logger } = listing;
  if (memory.firstScan !== undefined) return;
  memory.firstScan = began;
  const { files, seen = files.length } = listing;
  if (seen === 0) return;
  const wanted = files.filter(file => isWanted(file, listing));
  const title = `${device}: first contact: ${seen === 1 ? '1 file' : `${seen} files`} seen`;
  if (files.length === 0)
    return logger.log('warn', `${title}, none of which a rule takes: filesync check suggests patterns`);
  const size = formatSize(wanted.reduce((sum, file) => sum + file.size, 0));
  const remedy = '; with begin: new in its rule, only what comes later is';
  logger.log(
    wanted.length > MANY_FILES ? 'warn' : 'info',
    `${title}, ${files.length} match, ${wanted.length} to send (${size})${wanted.length > MANY_FILES ? remedy : ''}`,
  );
}

function isWanted(file: SourceFile, { device, planner, clock }: FirstListing): boolean {
  const plan = planner.planFor({ ...file, device, foundAt: clock.now(), atFirstScan: true });
  return plan !== undefined && plan.skip === undefined;
}
