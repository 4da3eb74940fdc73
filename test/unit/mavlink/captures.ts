import { existsSync, readFileSync } from 'node:fs';

/** A frame that a real autopilot and a client exchanged. */
export interface Captured {
  readonly from: 'client' | 'vehicle';
  /** Monotonic ms, or ms from the start of the recording. */
  readonly ms: number;
  readonly bytes: Uint8Array;
}

const SMALL = new URL('../../data/', import.meta.url);
const WHOLE = new URL('../../../../shared/data/', import.meta.url);

export type Recording = 'px4-ftp.jsonl' | 'ardupilot-ftp.jsonl';

/** The whole recording if it exists, else the slice (all but three long bursts) that is kept with the tests. */
export function captured(name: Recording): Captured[] {
  const whole = new URL(name, WHOLE);
  return framesOf(existsSync(whole) ? whole : new URL(name, SMALL));
}

/** The slice that is kept with the tests. */
export function capturedSlice(name: Recording): Captured[] {
  return framesOf(new URL(name, SMALL));
}

/** The frames of a recording or a trace. */
export function framesOf(file: URL | string): Captured[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map(line => {
    const {
      t_ms: ms,
      from,
      frame,
    } = JSON.parse(line) as { t_ms: number; from: Captured['from']; frame: string };
    return { from, ms, bytes: Uint8Array.from(Buffer.from(frame, 'hex')) };
  });
}

export const recordings = ['px4-ftp.jsonl', 'ardupilot-ftp.jsonl'] as const;
