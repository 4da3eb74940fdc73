import { FileState } from '../ports.js';

const NAMES = new Map<FileState, string>(Object.entries(FileState).map(([name, state]) => [state, name]));

/** The state's name as users read it: `FOUND`, `DOWNLOADED` … */
export function stateName(state: FileState): string {
  return NAMES.get(state) ?? String(state);
}

/** The state of that name or number, in any case; undefined if there is none. */
export function parseState(text: string): FileState | undefined {
  const wanted = text.toUpperCase();
  return [...NAMES].find(([state, name]) => name === wanted || String(state) === wanted)?.[0];
}
