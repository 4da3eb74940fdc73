import picomatch from 'picomatch';
import { Automaton } from './automaton.js';
import { parseRegExp } from './syntax.js';

/** Code units of a pattern. */
const MAX_PATTERN_LENGTH = 1_024;
/** picomatch 4 never returns from a pattern that ends so. */
const ENDLESS = /\\{4}$/;

export interface GlobOptions {
  /** `*` matches names that begin with a dot as well. */
  readonly dot?: boolean;
  /** A bracket without its partner is an error, and no character of the name. */
  readonly strict?: boolean;
}

/** Whether a path, relative and with its parts joined by `/`, is one that a glob means. */
export type Matches = (path: string) => boolean;

/**
 * Compiles a glob as picomatch understands it; neither letters' case nor line ends in names matter. JavaScript's engine for regular
 * expressions takes time that grows exponentially, or with a high power of the length, for some patterns and names that they nearly
 * match: a hostile vehicle or server could block the program by the names of its files. So an automaton compares. Throws an error
 * if it is no glob.
 */
export function compileGlob(pattern: string, options: GlobOptions = {}): Matches {
  const automaton = new Automaton(parseRegExp(sourceOf(pattern, options)));
  // As picomatch does, a path is taken that is the pattern itself.
  return path => path === pattern || (path !== '' && automaton.compare(path).matches);
}

/** As `compileGlob`, for paths that any of the globs means. */
export function compileGlobs(patterns: readonly string[], options: GlobOptions = {}): Matches {
  const globs = patterns.map(pattern => compileGlob(pattern, options));
  return path => globs.some(matches => matches(path));
}

function sourceOf(pattern: string, { dot = false, strict = false }: GlobOptions): string {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new SyntaxError(`longer than ${MAX_PATTERN_LENGTH} characters`);
  if (ENDLESS.test(pattern)) throw new SyntaxError('more than three \\ at the end');
  return picomatch.makeRe(pattern, { flags: 'is', dot, strictBrackets: strict, debug: strict }).source;
}
