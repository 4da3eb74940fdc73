import * as z from 'zod';
import { FileState, type Delivery, type FileRecord, type LocalCopy, type Presence } from '../ports.js';
import { checkpoint, checksum, count, delivery, problemOf, recordId, sha256 } from './schema.js';

/** A record of schema 1, which stored the state instead of the facts. */
export const fileRecord1 = z.object({
  id: recordId,
  device: z.string().min(1),
  path: z.string().min(1),
  size: count,
  modified: z.number().exactOptional(),
  checksum: checksum.exactOptional(),
  state: z.enum(FileState),
  local: z.string(),
  sha256: sha256.exactOptional(),
  proof: checksum.exactOptional(),
  via: z.literal('stream').exactOptional(),
  kept: z.boolean().exactOptional(),
  description: z.string(),
  targets: z.record(z.string(), delivery),
  reason: z.string().exactOptional(),
  checkpoint: checkpoint.exactOptional(),
  foundAt: z.number(),
  updatedAt: z.number(),
});
export type FileRecord1 = z.output<typeof fileRecord1>;

/** Whether a value is a whole record of schema 1; later ones have no such state. */
export function isSchema1(record: unknown): record is FileRecord1 {
  const named = typeof record === 'object' && record !== null && 'state' in record && !('copy' in record);
  return named && problemOf(fileRecord1, record) === undefined;
}

/** A record of schema 1, converted to facts. Unknown fields are kept. */
export function fromSchema1(old: FileRecord1): FileRecord {
  const { state, kept: _kept, checkpoint: _checkpoint, targets, ...same } = old;
  const deliveries = Object.entries(targets).map(([name, one]) => [name, deliveryOf(one)] as const);
  const finished = isFinished(old);
  return {
    ...same,
    source: presenceOf(state),
    copy: copyOf(old),
    targets: Object.fromEntries(deliveries),
    ...(wasGivenUp(old) && { givenUp: true }),
    ...(finished && { delivered: { at: old.updatedAt, boot: '', up: 0, synced: true } }),
  };
}

function presenceOf(state: FileState): Presence {
  if (state === FileState.REMOVED) return { state: 'removed' };
  return { state: state === FileState.VANISHED ? 'gone' : 'present' };
}

/** A missing copy of an unfinished file has to be fetched again: it is `none`, not `evicted`. */
function copyOf(old: FileRecord1): LocalCopy {
  if (old.kept) return { state: 'whole' };
  if (old.kept === false && isFinished(old)) return { state: 'evicted' };
  if (old.checkpoint) return { state: 'partial', checkpoint: old.checkpoint };
  // The finished copy may have been about to get its name.
  return old.sha256 !== undefined ? { state: 'partial' } : { state: 'none' };
}

function isFinished({ state }: FileRecord1): boolean {
  return state === FileState.UPLOADED || state === FileState.REMOVED;
}

function wasGivenUp({ state, targets }: FileRecord1): boolean {
  const refused = Object.values(targets).some(one => one.state === 'failed');
  return state === FileState.FAILED && !refused;
}

/** Schema 1 did not say whether an attempt had been made; one that had chosen a name may have left something there. */
function deliveryOf(old: Delivery): Delivery {
  if (old.state === 'sending') return { ...old, state: 'pending', tried: true };
  const open = old.state === 'pending' || old.state === 'failed';
  return open && old.path !== undefined ? { ...old, tried: true } : old;
}
