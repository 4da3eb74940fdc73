import { existsSync, readFileSync } from 'node:fs';

/** A frame that a real autopilot and a client exchanged. */
export interface Captured {
  readonly from: 'client' | 'vehicle';
  readonly bytes: Uint8Array;
}

const SMALL = new URL('../../data/', import.meta.url);
const WHOLE = new URL('../../../../shared/data/', import.meta.url);

/** The whole recording where it is there, else the slice that is kept with the tests. */
export function captured(name: 'px4-ftp.jsonl' | 'ardupilot-ftp.jsonl'): Captured[] {
  const whole = new URL(name, WHOLE);
  const lines = readFileSync(existsSync(whole) ? whole : new URL(name, SMALL), 'utf8')
    .trim()
    .split('\n');
  return lines.map(line => {
    const { from, frame } = JSON.parse(line) as { from: Captured['from']; frame: string };
    return { from, bytes: Uint8Array.from(Buffer.from(frame, 'hex')) };
  });
}

export const recordings = ['px4-ftp.jsonl', 'ardupilot-ftp.jsonl'] as const;
