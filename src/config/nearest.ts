import { closest, distance } from 'fastest-levenshtein';

/** The remedy for a misspelt name: the nearest known one, or all of them if none is near. `show` quotes a name. */
export function suggest(name: string, known: readonly string[], show = quote): string {
  if (known.length === 0) return 'there are none';
  const best = nearest(name, known);
  if (best !== undefined) return `did you mean ${show(best)}?`;
  return `known: ${known.map(show).join(', ')}`;
}

function quote(name: string): string {
  return `"${name}"`;
}

/** Near: at least half of the letters are right. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const best = closest(lower, known);
  return distance(lower, best) * 2 <= Math.max(lower.length, best.length) ? best : undefined;
}
