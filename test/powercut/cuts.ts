import { randomFrom } from '../unit/db/crash-disk.js';
import { survivorsBy, type CrashFs, type Survivors } from '../model/crash-fs.js';

/** One thing that the medium may hold after a power cut. */
export interface Cut {
  /** Where in the sequence of changes and syncs it was, and which outcome it is. */
  readonly label: string;
  readonly fs: CrashFs;
}

export interface CutSetting {
  /** A cut comes after each so many changes. */
  readonly every: number;
  /** Outcomes of one cut: all of them where there are no more, else so many that the seed chooses. */
  readonly outcomes: number;
  readonly seed: number;
}

/** Fills the returned list while processes change the file system. */
export function collectCuts(fs: CrashFs, { every, outcomes, seed }: CutSetting): Cut[] {
  const cuts: Cut[] = [];
  let changes = 0;
  fs.onChange = (operation, path) => {
    const number = ++changes;
    if ((number + seed) % every !== 0) return;
    for (const [index, pick] of picks(fs.unsyncedParts, outcomes, seed + number).entries())
      cuts.push({
        label: `cut after change ${number} (${operation} ${path}), outcome ${index}`,
        fs: fs.afterPowerCut(pick),
      });
  };
  return cuts;
}

/** How each outcome is chosen. */
function picks(parts: number, limit: number, seed: number): Survivors[] {
  if (2 ** parts <= limit) return Array.from({ length: 2 ** parts }, (_, bits) => survivorsIn(bits));
  return Array.from({ length: limit }, (_, index) => survivorsBy(randomFrom(seed * limit + index)));
}

/** The parts whose bits are set, counted over all that is asked. */
function survivorsIn(bits: number): Survivors {
  let asked = 0;
  return parts => parts.filter(() => (bits >> asked++) & 1);
}
