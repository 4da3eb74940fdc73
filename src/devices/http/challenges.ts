/** One challenge of a 401: a scheme and its parameters, by their names in lower case. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longer headers are cut: Node allows 16 KB. */
const MAX_HEADER_LENGTH = 16_384;

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SEPARATORS = /[\s,]*/y;
const QUOTED = /\s*=\s*"((?:[^"\\]|\\.)*)"/y;
const UNQUOTED = /\s*=\s*([^\s,"]+)/y;
/** The credentials of NTLM and Negotiate, which are no parameters. */
const TOKEN68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(,|$))/y;

/**
 * The challenges of the header WWW-Authenticate (RFC 9110 section 11.6.1), which may list several of them: commas separate
 * challenges as well as parameters.
 */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_HEADER_LENGTH);
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = skip(text, 0);
  while (at < text.length) {
    const name = match(TOKEN, text, at);
    if (!name) {
      at = skip(text, at + 1);
      continue;
    }
    at += name[0].length;
    const value = match(QUOTED, text, at) ?? match(UNQUOTED, text, at);
    if (value) {
      const unescaped = (value[1] ?? '').replace(/\\(.)/g, '$1');
      found.at(-1)?.parameters.set(name[0].toLowerCase(), unescaped);
      at += value[0].length;
    } else {
      found.push({ scheme: name[0].toLowerCase(), parameters: new Map() });
      at += match(TOKEN68, text, at)?.[0].length ?? 0;
    }
    at = skip(text, at);
  }
  return found;
}

const skip = (text: string, at: number): number => at + (match(SEPARATORS, text, at)?.[0].length ?? 0);

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
