import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
} from 'yaml';
import type { ConfigIssues, Path, Position } from './issues.js';
import { excessOf, TOO_DEEP } from './text-limits.js';

/** A YAML text: its value, and the position of each part in the text. */
export class ConfigDocument {
  readonly value: unknown;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  /** YAML errors are added to `issues`; `value` is undefined if the text cannot be parsed. */
  constructor(text: string, issues: ConfigIssues) {
    const excess = excessOf(text);
    if (excess) issues.error(excess.message, excess);
    const options = { lineCounter: this.#lines, ...PARSING };
    this.#document = parsed(excess ? '' : text, options, issues);
    const { errors, warnings } = this.#document;
    for (const { code, message, pos } of [...errors, ...warnings].slice(0, MAX_REPORTED)) {
      issues.error(WORDS[code] ?? message, { position: this.#position(pos[0]) });
    }
    const broken = excess !== undefined || errors.some(({ code }) => code !== 'DUPLICATE_KEY');
    this.value = broken ? undefined : this.#toValue(issues);
  }

  /** The position of the key (or list item) at that path; of its nearest parent if the key is missing. */
  locate(path: Path): Position {
    let node: unknown = this.#document.contents;
    let offset = rangeStart(node);
    for (const part of path) {
      const found = child(isAlias(node) ? node.resolve(this.#document) : node, part);
      if (!found) break;
      offset = rangeStart(found.at);
      node = found.value;
    }
    return this.#position(offset);
  }

  #toValue(issues: ConfigIssues): unknown {
    try {
      return this.#document.toJS();
    } catch {
      issues.error(BAD_ALIAS, { position: this.#position(rangeStart(this.#brokenAlias())) });
      return undefined;
    }
  }

  #brokenAlias(): Alias | undefined {
    const aliases: Alias[] = [];
    visit(this.#document, { Alias: (_key, alias) => void aliases.push(alias) });
    return aliases.find(alias => !alias.resolve(this.#document)) ?? aliases[0];
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

const PARSING = { prettyErrors: false, merge: true, logLevel: 'error' } as const;

/** The library's parser calls itself for each level, also for those of wrong texts that `excessOf` cannot count. */
function parsed(text: string, options: Parameters<typeof parseDocument>[1], issues: ConfigIssues): Document {
  try {
    return parseDocument(text, options);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    issues.error(TOO_DEEP, { position: { line: 1, column: 1 } });
    return parseDocument('');
  }
}

/** A person who sees that many errors of the syntax has to look at the whole text. */
const MAX_REPORTED = 20;

const BAD_ALIAS = 'no value of this name (&…) before; a text that begins with * needs quotes';

/** Messages in place of the library's that would repeat the text (which may be a secret) or name no remedy. */
const WORDS: Readonly<Record<string, string>> = {
  BAD_ALIAS,
  BAD_COLLECTION_TYPE: 'this tag (!…) does not fit; a text that begins with ! needs quotes',
  BAD_DIRECTIVE: 'a line cannot begin with %',
  BAD_DQ_ESCAPE:
    'not an escape that YAML knows; in double quotes write \\\\ for a backslash, or use single quotes',
  BAD_SCALAR_START: 'a text that begins with this character needs quotes',
  DUPLICATE_KEY: 'duplicate key; keep one of the two',
  MULTIPLE_DOCS: 'a second document begins here; remove the line ---',
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag (!…); a text that begins with ! needs quotes',
  UNEXPECTED_TOKEN: 'not expected here; check quotes, brackets and indentation',
};

interface Child {
  /** The node whose position is reported. */
  readonly at: unknown;
  readonly value: unknown;
}

function child(node: unknown, part: string | number): Child | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(part)];
    return item === undefined ? undefined : { at: item, value: item };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  return pair && { at: pair.key, value: pair.value };
}

function rangeStart(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
  return Array.isArray(range) ? Number(range[0]) : 0;
}
