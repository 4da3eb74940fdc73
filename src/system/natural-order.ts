/** Digits of a number in a name that are compared by value. */
const MAX_DIGITS = 16;
/** PATH_MAX of Linux. A longer name is compared as it is: only a hostile server lists one, and its key would be many times as long. */
const MAX_PATH_LENGTH = 4096;

/**
 * A text by which names are ordered as people order them: `2.BIN` before `10.BIN`. An `Intl.Collator` orders them as well, but
 * costs 3 MB of memory.
 */
export const naturalKey = (name: string): string =>
  name.length > MAX_PATH_LENGTH
    ? name
    : name.replace(/\d+/g, digits => digits.replace(/^0+(?=\d)/, '').padStart(MAX_DIGITS, '0'));

/** Compares two names by their natural keys. */
export function compareNaturally(a: string, b: string): number {
  const [one, other] = [naturalKey(a), naturalKey(b)];
  return one === other ? 0 : one < other ? -1 : 1;
}
