/** The part of a regular expression that globs are translated to: everything but back references and lookbehind. */
export type Syntax =
  /** A code unit that the atom matches: `a`, `\.`, `.` or `[a-z]`. */
  | { readonly kind: 'atom'; readonly source: string }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Syntax[] }
  /** `max` is Infinity where there is no limit. */
  | { readonly kind: 'repeat'; readonly part: Syntax; readonly min: number; readonly max: number }
  /** Whether `part` matches from here on, without consuming anything. */
  | { readonly kind: 'look'; readonly part: Syntax; readonly negated: boolean };

/** Groups within groups. */
const MAX_DEPTH = 100;

const CLASS = /\[(?:\\.|[^\]\\])*\]/sy;
const COUNTS = /\{(\d{1,4})(,?)(\d{0,4})\}/y;
const QUANTIFIERS: Readonly<Record<string, readonly [number, number]>> = {
  '*': [0, Infinity],
  '+': [1, Infinity],
  '?': [0, 1],
};

/** Parses the source of a regular expression; throws SyntaxError at what is not supported. */
export function parseRegExp(source: string): Syntax {
  return new Parser(source).whole();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): Syntax {
    const syntax = this.#choice();
    if (this.#at < this.#source.length) throw new SyntaxError('a ) without its partner');
    return syntax;
  }

  #choice(): Syntax {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): Syntax {
    const parts: Syntax[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at)))
      parts.push(this.#quantified(this.#single()));
    return { kind: 'sequence', parts };
  }

  #single(): Syntax {
    if (this.#take('^')) return { kind: 'start' };
    if (this.#take('$')) return { kind: 'end' };
    if (this.#take('(')) return this.#group();
    if (this.#source.charAt(this.#at) === '[') return this.#class();
    return this.#character();
  }

  #group(): Syntax {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxError('too many brackets within brackets');
    const isAhead = this.#take('?=');
    const isNegated = !isAhead && this.#take('?!');
    if (!isAhead && !isNegated && !this.#take('?:') && this.#source.charAt(this.#at) === '?')
      throw new SyntaxError('only (?: (?= and (?! are supported');
    const part = this.#choice();
    if (!this.#take(')')) throw new SyntaxError('a ( without its partner');
    this.#depth--;
    return isAhead || isNegated ? { kind: 'look', part, negated: isNegated } : part;
  }

  #class(): Syntax {
    CLASS.lastIndex = this.#at;
    const [source] = CLASS.exec(this.#source) ?? [];
    if (source === undefined) throw new SyntaxError('a [ without its partner');
    this.#at += source.length;
    return { kind: 'atom', source };
  }

  /** A backslash takes the character behind it for what it is, but in `\d` and the like. */
  #character(): Syntax {
    const char = this.#source.charAt(this.#at++);
    if (char !== '\\') {
      if ('*+?'.includes(char)) throw new SyntaxError(`nothing to repeat before ${char}`);
      return { kind: 'atom', source: '{}]'.includes(char) ? `\\${char}` : char };
    }
    const next = this.#source.charAt(this.#at++);
    if (next === '') throw new SyntaxError('a \\ at the end');
    return { kind: 'atom', source: /[a-z0-9]/i.test(next) && !/[dswrntfv]/i.test(next) ? next : `\\${next}` };
  }

  #quantified(part: Syntax): Syntax {
    const quantifier = this.#quantifier();
    if (!quantifier) return part;
    // Whether as much as possible is taken or as little does not change whether the whole matches.
    this.#take('?');
    const [min, max] = quantifier;
    if (max < min) throw new SyntaxError('numbers out of order');
    return { kind: 'repeat', part, min, max };
  }

  #quantifier(): readonly [number, number] | undefined {
    const simple = QUANTIFIERS[this.#source.charAt(this.#at)];
    if (simple) this.#at++;
    if (simple) return simple;
    COUNTS.lastIndex = this.#at;
    const [all = '', from, comma, to] = COUNTS.exec(this.#source) ?? [];
    this.#at += all.length;
    if (from === undefined) return undefined;
    const min = Number(from);
    return [min, comma === '' ? min : to === '' ? Infinity : Number(to)];
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}
