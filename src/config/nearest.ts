import { closest, distance } from 'fastest-levenshtein';

/** The cure for a misspelt name: the nearest known one, or all of them where none is near. `show` quotes a name. */
export function suggest(name: string, known: readonly string[], show = quote): string {
  if (known.length === 0) return 'there are none';
  const best = nearest(name, known);
  if (best !== undefined) return `did you mean ${show(best)}?`;
  return `known: ${known.map(show).join(', ')}`;
}

function quote(name: string): string {
  return `"${name}"`;
}

/** Near means that at least half of the letters stand. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const best = closest(lower, known);
  return distance(lower, best) * 2 <= Math.max(lower.length, best.length) ? best : undefined;
}
