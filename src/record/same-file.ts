import type { FileRecord, Logger } from '../ports.js';
import type { Digested } from './events.js';
import type { Records } from './records.js';
import { isDelivered } from './state.js';

/**
 * Records that a file of the source holds the bytes of an earlier file. The deliveries of that one count for it, if they are
 * complete. If they are not, both would be delivered: then the earlier file is the one that is there again, and keeps the only
 * record.
 */
export async function recordSame(
  records: Records,
  logger: Logger | undefined,
  { id, device, path, modified }: FileRecord,
  earlier: FileRecord,
  digested: Digested,
): Promise<void> {
  const now = records.get(earlier.id) ?? earlier;
  if (isDelivered(now)) await records.commit(id, { type: 'Recognised', earlier: now, ...digested });
  else {
    records.apply(now.id, { type: 'SeenAgain', ...(modified !== undefined && { modified }) });
    await records.forget(id);
  }
  const rest = isDelivered(now) ? 'not sent again' : `its delivery goes on as ${now.id}`;
  logger?.log('info', `${device}:${path}: holds the same bytes as before, ${rest}`);
}
