import type { Syntax } from './syntax.js';

/** States of a pattern: comparing takes as many steps as there are, for each code unit of the text. */
const MAX_STATES = 5_000;
const ASCII = 128;

type State =
  | { readonly kind: 'match' }
  | { readonly kind: 'unit'; readonly matches: (unit: number) => boolean; readonly next: number }
  | { readonly kind: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'look'; readonly first: number; readonly negated: boolean; readonly next: number }
  | { readonly kind: 'split'; readonly to: readonly number[] };

/** A run of states with its own `match`: the whole pattern, or what a lookahead asks. */
interface Part {
  readonly first: number;
  readonly states: readonly number[];
}

/** Where in a text a set of states is asked for. */
interface Place {
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/** The states from which the rest of a text matches, and those sets before it that are known, by the code unit between. */
interface StateSet {
  readonly has: Uint8Array;
  readonly before: Map<number, StateSet>;
}

/** Ways from one set to another that are remembered; before the next text, all are forgotten then. */
const MAX_REMEMBERED = 2_000;
const AT_START = 0x10000;

/** Whether a text matches, and the work that it took: states that were visited. */
export interface MatchResult {
  readonly matches: boolean;
  readonly steps: number;
}

/**
 * Compares whole texts with a pattern (flags `is`) in time that grows with their length, whatever the pattern: from the end of the
 * text to its beginning it keeps the set of states from which the rest matches. Sets that come again are not computed again, as in
 * RE2 (R. Cox, "Regular Expression Matching in the Wild").
 */
export class Automaton {
  readonly #states: State[] = [];
  /** By state: those that lead to it without consuming anything. */
  readonly #before: number[][] = [];
  /** A lookahead comes before what contains it. */
  readonly #parts: Part[] = [];
  readonly #units = new Map<string, (unit: number) => boolean>();
  readonly #sets = new Map<string, StateSet>();
  #end: StateSet | undefined;
  #remembered = 0;
  #steps = 0;

  /** Throws SyntaxError if the pattern has too many states. */
  constructor(syntax: Syntax) {
    this.#addPart(syntax);
    this.#states.forEach((state, index) => {
      for (const next of emptyMoves(state)) (this.#before[next] ??= []).push(index);
    });
  }

  get states(): number {
    return this.#states.length;
  }

  compare(text: string): MatchResult {
    this.#steps = text.length;
    const first = this.#parts.at(-1)?.first ?? 0;
    if (this.#remembered >= MAX_REMEMBERED) this.#forget();
    let set =
      text === ''
        ? this.#compute(undefined, 0, { isStart: true, isEnd: true })
        : (this.#end ??= this.#compute(undefined, 0, { isStart: false, isEnd: true }));
    for (let at = text.length - 1; at >= 0; at--) set = this.#step(set, text.charCodeAt(at), at === 0);
    return { matches: set.has[first] === 1, steps: this.#steps };
  }

  #forget(): void {
    this.#sets.clear();
    this.#end = undefined;
    this.#remembered = 0;
  }

  #step(after: StateSet, unit: number, isStart: boolean): StateSet {
    const key = isStart ? unit + AT_START : unit;
    const known = after.before.get(key);
    if (known) return known;
    const set = this.#compute(after, unit, { isStart, isEnd: false });
    if (this.#remembered < MAX_REMEMBERED) after.before.set(key, set);
    this.#remembered++;
    return set;
  }

  /** The set in front of `unit`, behind which is `after`; without `after`, that at the end. */
  #compute(after: StateSet | undefined, unit: number, place: Place): StateSet {
    const has = new Uint8Array(this.#states.length);
    for (const part of this.#parts) this.#fill(part, has, after?.has, unit, place);
    const key = Buffer.from(has.buffer).toString('latin1');
    const known = this.#sets.get(key);
    if (known) return known;
    const set = { has, before: new Map<number, StateSet>() };
    if (this.#remembered < MAX_REMEMBERED) this.#sets.set(key, set);
    return set;
  }

  /** Marks the states of a part from which the rest matches. */
  #fill(part: Part, has: Uint8Array, after: Uint8Array | undefined, unit: number, place: Place): void {
    const found: number[] = [];
    const mark = (state: number): void => {
      if (has[state] === 1) return;
      has[state] = 1;
      found.push(state);
    };
    for (const index of part.states) if (this.#consumes(index, after, unit)) mark(index);
    this.#steps += part.states.length;
    for (let state = found.pop(); state !== undefined; state = found.pop())
      for (const before of this.#before[state] ?? []) {
        this.#steps++;
        if (this.#passes(before, has, place)) mark(before);
      }
  }

  #consumes(index: number, after: Uint8Array | undefined, unit: number): boolean {
    const state = this.#states[index];
    if (state?.kind === 'match') return true;
    return state?.kind === 'unit' && after?.[state.next] === 1 && state.matches(unit);
  }

  /** Whether a state that consumes nothing leads on at that place. */
  #passes(index: number, has: Uint8Array, { isStart, isEnd }: Place): boolean {
    const state = this.#states[index];
    if (state?.kind === 'start') return isStart;
    if (state?.kind === 'end') return isEnd;
    if (state?.kind === 'look') return (has[state.first] === 1) !== state.negated;
    return true;
  }

  // ---- making it ----------------------------------------------------------------------------------------

  #addPart(syntax: Syntax): number {
    const from = this.#states.length;
    const first = this.#add(syntax, this.#push({ kind: 'match' }));
    const inner = new Set(this.#parts.flatMap(({ states }) => states.filter(state => state >= from)));
    const all = Array.from({ length: this.#states.length - from }, (_, index) => from + index);
    this.#parts.push({ first, states: all.filter(state => !inner.has(state)) });
    return first;
  }

  #push(state: State): number {
    if (this.#states.length >= MAX_STATES) throw new SyntaxError('the pattern is too long');
    return this.#states.push(state) - 1;
  }

  /** Adds the states of `syntax` in front of the state `next`; returns the first of them. */
  #add(syntax: Syntax, next: number): number {
    switch (syntax.kind) {
      case 'atom':
        return this.#push({ kind: 'unit', matches: this.#unit(syntax.source), next });
      case 'start':
      case 'end':
        return this.#push({ kind: syntax.kind, next });
      case 'sequence':
        return syntax.parts.reduceRight((behind, part) => this.#add(part, behind), next);
      case 'choice':
        return this.#push({ kind: 'split', to: syntax.parts.map(part => this.#add(part, next)) });
      case 'look': {
        const { negated, part } = syntax;
        return this.#push({ kind: 'look', first: this.#addPart(part), negated, next });
      }
      case 'repeat':
        return this.#repeat(syntax, next);
    }
  }

  #repeat({ part, min, max }: Extract<Syntax, { kind: 'repeat' }>, next: number): number {
    let first = max === Infinity ? this.#loop(part, next) : next;
    for (let count = min; count < max && max !== Infinity; count++)
      first = this.#push({ kind: 'split', to: [this.#add(part, first), next] });
    for (let count = 0; count < min; count++) first = this.#add(part, first);
    return first;
  }

  #loop(part: Syntax, next: number): number {
    const to = [next];
    const loop = this.#push({ kind: 'split', to });
    to.push(this.#add(part, loop));
    return loop;
  }

  /** The engine of regular expressions itself says which single code units an atom matches. */
  #unit(atom: string): (unit: number) => boolean {
    const known = this.#units.get(atom);
    if (known) return known;
    const pattern = new RegExp(`^(?:${atom})$`, 'is');
    const ascii = Array.from({ length: ASCII }, (_, unit) => pattern.test(String.fromCharCode(unit)));
    const matches = (unit: number): boolean => ascii[unit] ?? pattern.test(String.fromCharCode(unit));
    this.#units.set(atom, matches);
    return matches;
  }
}

function emptyMoves(state: State): readonly number[] {
  if (state.kind === 'split') return state.to;
  return state.kind === 'match' || state.kind === 'unit' ? [] : [state.next];
}
