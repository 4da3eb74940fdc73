const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** A number of bytes for people, in every message and on every screen: `4.1 MB`, units of 1000. */
export function formatSize(size: number): string {
  if (size < 1000) return `${size} B`;
  const power = UNITS.findIndex((_, index) => size < 999.95 * 1000 ** index);
  const last = power < 0 ? UNITS.length - 1 : power;
  return `${(size / 1000 ** last).toFixed(1)} ${UNITS[last]}`;
}

/** A file up to this size takes less time than the syncs that follow it. */
const SMALL_FILE_BYTES = 64 * 1024;

export const isSmallFile = (size: number): boolean => size <= SMALL_FILE_BYTES;

/** Of bytes per second. */
export const formatRate = (bytesPerSecond: number): string => `${formatSize(Math.round(bytesPerSecond))}/s`;
