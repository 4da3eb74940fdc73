import { FileSyncError } from '../errors.js';
import type { Delivery, Target } from '../ports.js';

/** Throws if an upload ended in a crash of ours, without an answer, at a target that cannot report what it holds. */
export function refuseLostAnswer(state: Delivery['state'] | undefined, { capabilities }: Target): void {
  if (state !== 'committing' || capabilities.stat || capabilities.resend) return;
  const remedy = 'look there, then `filesync retry` to send it again, or set on_lost_answer: resend';
  throw new FileSyncError(
    'lost-answer',
    `the whole file was sent and no answer came; it may have arrived: ${remedy}`,
  );
}
