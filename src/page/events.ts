import type { File, LinkSample, LogEntry, Status } from './types.js';

/** What `GET /events` sends, by the type of the event. */
export interface Events {
  file: { file: File };
  forgotten: { id: string };
  devices: Pick<Status, 'devices'>;
  counts: Pick<
    Status,
    | 'counts'
    | 'verdict'
    | 'waiting'
    | 'units'
    | 'paused'
    | 'disk'
    | 'database'
    | 'configuration'
    | 'notifications'
  >;
  progress: Pick<Status, 'transfers'>;
  link: { device: string; sample: LinkSample };
  log: { entry: LogEntry };
  /** What was loaded may be old: load it again. Also comes when contact was made. */
  reset: object;
}

type Listener = (event: never) => void;
const listeners = new Map<string, Set<Listener>>();

/** Returns how to end it. */
export function on<Type extends keyof Events>(
  type: Type,
  listener: (event: Events[Type]) => void,
): () => void {
  const all = listeners.get(type) ?? new Set();
  listeners.set(type, all.add(listener));
  return () => void all.delete(listener);
}

export function emit(type: string, event: unknown): void {
  for (const listener of listeners.get(type) ?? []) listener(event as never);
}
