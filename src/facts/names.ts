import type { FactFormat } from '../file-facts.js';

/** What files of each format are called. ArduPilot has upper case, and `.log` holds text. */
const NAMES: Readonly<Record<FactFormat, RegExp>> = {
  ulog: /\.ulo?g$/i,
  ardupilot: /\.bin$/i,
  mcap: /\.mcap$/i,
  rosbag2: /(?:^|\/)metadata\.ya?ml$/i,
  jpeg: /\.jpe?g$/i,
  tiff: /\.(?:tiff?|dng|nef|cr2|arw)$/i,
};

/** Formats in which a log can be judged by its beginning and its end. */
const WITH_ENDS: ReadonlySet<FactFormat> = new Set(['ulog', 'ardupilot', 'mcap']);

/**
 * The format that a file of that name may have: others are not opened. Whether it has it, its first bytes say. This file stands
 * alone, so that no reader is loaded before there is something to read.
 */
export function formatOfName(path: string): FactFormat | undefined {
  const formats = Object.keys(NAMES) as FactFormat[];
  return formats.find(format => NAMES[format].test(path));
}

/** Whether something can be learned from the ends of a file of that name. */
export function hasEnds(path: string): boolean {
  const format = formatOfName(path);
  return format !== undefined && WITH_ENDS.has(format);
}
