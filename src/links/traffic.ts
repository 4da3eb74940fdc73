import { mergeMap, type Observable } from 'rxjs';
import type { FileRecord } from '../ports.js';
import type { Progress } from '../record/progress.js';

/** Bytes of a file that have moved between this computer and a device. */
export interface Traffic {
  readonly device: string;
  readonly direction: 'received' | 'sent';
  readonly bytes: number;
}

/** A transfer whose first report has more bytes than this has been resumed: the bytes before were moved by an earlier one. */
const MAX_FIRST_BYTES = 1024 * 1024;
/** Unfinished transfers that are remembered. */
const MAX_TRANSFERS = 1000;

/** What has moved since the last report of the same transfer. A file that goes straight to its target moves at both ends. */
export function trafficOf(
  progress: Observable<Progress>,
  record: (id: string) => Pick<FileRecord, 'via'> | undefined,
): Observable<Traffic> {
  const reported = new Map<string, number>();
  return progress.pipe(
    mergeMap(({ id, device, target, bytes: position, size }) => {
      const key = `${id} ${target ?? ''}`;
      const bytes = position - (reported.get(key) ?? (position > MAX_FIRST_BYTES ? position : 0));
      reported.delete(key);
      if (position < size) reported.set(key, position);
      const [oldest] = reported.keys();
      if (reported.size > MAX_TRANSFERS && oldest !== undefined) reported.delete(oldest);
      return bytes > 0 ? movedAt(device, target, bytes, record(id)?.via === 'stream') : [];
    }),
  );
}

function movedAt(device: string, target: string | undefined, bytes: number, streams: boolean): Traffic[] {
  const received: Traffic = { device, direction: 'received', bytes };
  if (target === undefined) return [received];
  const sent: Traffic = { device: target, direction: 'sent', bytes };
  return streams ? [received, sent] : [sent];
}
