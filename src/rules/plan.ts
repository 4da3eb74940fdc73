import { compileGlobs } from '../system/glob/glob.js';
import { companionOf } from './companion.js';
import type { Order, Retention, Rule, SourceRemoval, WhileArmed } from './rule.js';
import { refusal, type Selectable } from './selection.js';
import { markerGlobs, takesPartner, type Together } from './together.js';

/** `path` is a template; `names` is absent where the target decides. */
export type PlannedTarget = { readonly device: string } & Pick<Rule, 'path' | 'names'>;

/** What to do with one file: all rules that match it, united. */
export interface Plan {
  /** In the rules' order. */
  readonly targets: readonly PlannedTarget[];
  /** Template, of the first rule. */
  readonly description: string;
  /** ms, the longest. */
  readonly settle: number;
  /** Of the first rule. */
  readonly order: Order;
  /** ms, the longest. */
  readonly deleteAfter: number;
  /** The strictest. */
  readonly whileArmed: WhileArmed;
  /** `stream` only where every rule says so. */
  readonly via: Rule['via'];
  /** The source's file is removed only if every rule allows it; the local copy is kept as long as any rule wants it. */
  readonly after: Rule['after'];
  /** ms, the longest: whether all of these rules take a log depends on its duration. */
  readonly minDuration?: number;
  /** Of the first rule that has it; `early` only where every such rule says so. */
  readonly together?: Together;
  /** Why no rule takes the file now: begins with the key of the first rule that excludes it, and names the remedy. */
  readonly skip?: string;
}

/** Paths whose matching rules are cached. */
const MAX_CACHED_PATHS = 4096;

type Matcher = (path: string) => boolean;

/**
 * Finds the plan of a file. Globs do not care for case (autopilots write `.ULG` as well as `.ulg`); dotfiles match
 * only where the pattern names the dot, but an exclude pattern catches them too.
 */
export class Planner {
  #limitsLocal = false;
  #keepsFree = false;
  #hasUnits = false;
  /** Rules that match a path, by device and path. */
  readonly #known = new Map<string, readonly Rule[]>();
  #united: United = { next: new Map() };
  readonly #rules = new Map<string, { readonly rule: Rule; readonly matches: Matcher }[]>();

  constructor(rules: readonly Rule[]) {
    this.use(rules);
  }

  /** A rule limits the total size of local copies. */
  get limitsLocal(): boolean {
    return this.#limitsLocal;
  }

  /** A rule removes files from their source when that needs space. */
  get keepsFree(): boolean {
    return this.#keepsFree;
  }

  /** A rule takes files together. */
  get hasUnits(): boolean {
    return this.#hasUnits;
  }

  /** Replaces the rules. */
  use(rules: readonly Rule[]): void {
    this.#limitsLocal = rules.some(({ after }) => after.local.kind === 'size');
    this.#keepsFree = rules.some(({ after }) => typeof after.source === 'object');
    this.#hasUnits = rules.some(({ together }) => together !== undefined);
    this.#known.clear();
    this.#rules.clear();
    this.#united = { next: new Map() };
    for (const rule of rules) {
      const ofDevice = this.#rules.get(rule.from) ?? [];
      ofDevice.push({ rule, matches: matcherOf(rule) });
      this.#rules.set(rule.from, ofDevice);
    }
  }

  /** All rules that match the path, united. `undefined`: none does. `path` is relative to the device's root. */
  plan(device: string, path: string): Plan | undefined {
    return unite(this.#matching(device, path), this.#united);
  }

  /**
   * Those of the matching rules that select the file, united; where none of them does, all of them, with `skip`.
   * `undefined`: no rule matches its path.
   * @param main the record of the file that this one is a companion of (`companionOf`), where there is one: a companion is
   * selected together with it
   */
  planFor(file: Selectable, main?: Selectable): Plan | undefined {
    const matching = this.#matching(file.device, file.path);
    const reasons = matching.map(rule => refusal(rule, file, main));
    const isSelecting = (_: Rule, index: number) => reasons[index] === undefined;
    const selecting = matching.every(isSelecting) ? matching : matching.filter(isSelecting);
    const plan = unite(selecting, this.#united);
    if (plan) return plan;
    const [skip = ''] = reasons;
    const all = unite(matching, this.#united);
    return all && { ...all, skip };
  }

  /** The mildest mode of the device's rules: it decides whether the device may be listed while its vehicle is armed. */
  mildest(device: string): WhileArmed {
    const modes = (this.#rules.get(device) ?? []).map(({ rule }) => rule.whileArmed);
    return modes.reduce((a, b) => (STRICTNESS[b] < STRICTNESS[a] ? b : a), 'pause');
  }

  /** Cached, because a file is asked for several times in a row and globs are slow. */
  #matching(device: string, path: string): readonly Rule[] {
    const key = `${device}\0${path}`;
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size >= MAX_CACHED_PATHS) this.#known.clear();
    const rules = this.#rules.get(device) ?? [];
    const matching = rules.filter(({ matches }) => matches(path)).map(({ rule }) => rule);
    this.#known.set(key, matching);
    return matching;
  }
}

/** An unfinished transfer, ours or another program's: never taken. */
function isPartial(path: string): boolean {
  return /\.part$/i.test(path);
}

/**
 * Whether include and exclude take a path. A rule that takes a database takes its companions as well, and one that takes files of a
 * unit the other files that it needs: without them it is not complete.
 */
export function matcherOf({
  include,
  exclude,
  together,
}: Pick<Rule, 'include' | 'exclude' | 'together'>): Matcher {
  const included = compileGlobs(include);
  const excluded = compileGlobs(exclude, { dot: true });
  const takesIn = compileGlobs(markerGlobs(include, together));
  const takes: Matcher = path => included(path) && !excluded(path);
  const completes: Matcher = path => takesMain(path, takes) || takesPartner(path, together, takes, takesIn);
  return path => !isPartial(path) && !excluded(path) && (included(path) || completes(path));
}

function takesMain(path: string, takes: Matcher): boolean {
  const main = companionOf(path);
  return main !== undefined && takes(main);
}

/** Cached plans in a tree of rules, in their order: few sets of rules match many files. */
interface United {
  plan?: Plan;
  readonly next: Map<Rule, United>;
}

function unite(rules: readonly Rule[], known: United): Plan | undefined {
  const [first] = rules;
  if (!first) return undefined;
  let united = known;
  for (const rule of rules) {
    const next = united.next.get(rule) ?? { next: new Map<Rule, United>() };
    united.next.set(rule, next);
    united = next;
  }
  return (united.plan ??= planOf(first, rules));
}

function planOf(first: Rule, rules: readonly Rule[]): Plan {
  const minDuration = Math.max(0, ...rules.map(rule => rule.minDuration ?? 0));
  return {
    targets: targetsOf(rules),
    description: first.description,
    settle: Math.max(...rules.map(({ settle }) => settle)),
    order: first.order,
    deleteAfter: Math.max(...rules.map(({ deleteAfter }) => deleteAfter)),
    whileArmed: rules.map(({ whileArmed }) => whileArmed).reduce(stricter),
    via: rules.every(({ via }) => via === 'stream') ? 'stream' : 'local',
    after: {
      source: rules.map(({ after }) => after.source).reduce(laterRemoval),
      local: rules.map(({ after }) => after.local).reduce(moreKeeping),
    },
    ...(minDuration > 0 && { minDuration }),
    ...togetherOf(rules),
  };
}

function togetherOf(rules: readonly Rule[]): Pick<Plan, 'together'> {
  const all = rules.flatMap(({ together }) => together ?? []);
  const [first] = all;
  if (!first || !first.early || all.every(({ early }) => early)) return first ? { together: first } : {};
  const { early: _, ...late } = first;
  return { together: late };
}

/** A target that several rules name gets the file once, under the first rule's path and `names`. */
function targetsOf(rules: readonly Rule[]): Plan['targets'] {
  const targets = new Map<string, PlannedTarget>();
  for (const { to, path, names } of rules)
    for (const device of to)
      if (!targets.has(device)) targets.set(device, { device, path, ...(names && { names }) });
  return [...targets.values()];
}

const STRICTNESS: Readonly<Record<WhileArmed, number>> = { continue: 0, 'upload-only': 1, pause: 2 };

function stricter(a: WhileArmed, b: WhileArmed): WhileArmed {
  return STRICTNESS[b] > STRICTNESS[a] ? b : a;
}

/** The smaller of two amounts of free space is reached later. */
function laterRemoval(a: SourceRemoval, b: SourceRemoval): SourceRemoval {
  if (a === 'keep' || b === 'delete') return a;
  if (b === 'keep' || a === 'delete') return b;
  return b.keepFree < a.keepFree ? b : a;
}

const KEEPING: Readonly<Record<Retention['kind'], number>> = { delete: 0, size: 1, age: 2, keep: 3 };

/** An age and a size cannot be compared: the age wins. */
function moreKeeping(a: Retention, b: Retention): Retention {
  const difference = KEEPING[b.kind] - KEEPING[a.kind] || amount(b) - amount(a);
  return difference > 0 ? b : a;
}

function amount(retention: Retention): number {
  if (retention.kind === 'age') return retention.ms;
  return retention.kind === 'size' ? retention.bytes : 0;
}
