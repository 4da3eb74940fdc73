import picomatch from 'picomatch';
import type { Retention, Rule, WhileArmed } from './rule.js';

/** What to do with one file: all rules that match it, united. */
export interface Plan {
  /** In the rules' order; `path` is a template. */
  readonly targets: readonly { readonly device: string; readonly path: string }[];
  /** Template, of the first rule. */
  readonly description: string;
  /** ms, the longest. */
  readonly settle: number;
  /** The strictest. */
  readonly whileArmed: WhileArmed;
  /** `stream` only where every rule says so. */
  readonly via: Rule['via'];
  /** The source's file goes only where every rule lets it; the local copy stays as long as any rule wants it. */
  readonly after: Rule['after'];
}

type Matcher = (path: string) => boolean;

/**
 * Finds the plan of a file. Globs do not care for case (autopilots write `.ULG` as well as `.ulg`); dotfiles match
 * only where the pattern names the dot, but an exclude pattern catches them too.
 */
export class Planner {
  readonly #rules = new Map<string, { readonly rule: Rule; readonly matches: Matcher }[]>();

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) {
      const ofDevice = this.#rules.get(rule.from) ?? [];
      ofDevice.push({ rule, matches: matcher(rule) });
      this.#rules.set(rule.from, ofDevice);
    }
  }

  /** `undefined`: no rule wants the file. `path` is relative to the device's root. */
  plan(device: string, path: string): Plan | undefined {
    if (isPartial(path)) return undefined;
    const matching = (this.#rules.get(device) ?? []).filter(({ matches }) => matches(path));
    const [first, ...rest] = matching.map(({ rule }) => rule);
    return first && unite([first, ...rest]);
  }

  /** What decides whether the device may be listed while its vehicle is armed: the mildest of its rules. */
  mildest(device: string): WhileArmed {
    const modes = (this.#rules.get(device) ?? []).map(({ rule }) => rule.whileArmed);
    return modes.reduce((a, b) => (STRICTNESS[b] < STRICTNESS[a] ? b : a), 'pause');
  }
}

/** An unfinished transfer, ours or another program's: never taken. */
function isPartial(path: string): boolean {
  return /\.part$/i.test(path);
}

function matcher(rule: Rule): Matcher {
  // `s`: a folder's name may hold a line break.
  const included = picomatch([...rule.include], { flags: 'is' });
  const excluded = picomatch([...rule.exclude], { flags: 'is', dot: true });
  return path => included(path) && !excluded(path);
}

function unite(rules: readonly [Rule, ...Rule[]]): Plan {
  return {
    targets: targetsOf(rules),
    description: rules[0].description,
    settle: Math.max(...rules.map(({ settle }) => settle)),
    whileArmed: rules.map(({ whileArmed }) => whileArmed).reduce(stricter),
    via: rules.every(({ via }) => via === 'stream') ? 'stream' : 'local',
    after: {
      source: rules.every(({ after }) => after.source === 'delete') ? 'delete' : 'keep',
      local: rules.map(({ after }) => after.local).reduce(moreKeeping),
    },
  };
}

/** A target that several rules name gets the file once, under the first rule's name. */
function targetsOf(rules: readonly Rule[]): Plan['targets'] {
  const paths = new Map<string, string>();
  for (const { to, path } of rules) {
    for (const device of to) if (!paths.has(device)) paths.set(device, path);
  }
  return Array.from(paths, ([device, path]) => ({ device, path }));
}

const STRICTNESS: Readonly<Record<WhileArmed, number>> = { continue: 0, 'upload-only': 1, pause: 2 };

function stricter(a: WhileArmed, b: WhileArmed): WhileArmed {
  return STRICTNESS[b] > STRICTNESS[a] ? b : a;
}

const KEEPING: Readonly<Record<Retention['kind'], number>> = { delete: 0, size: 1, age: 2, keep: 3 };

/** An age and a size cannot be compared: the age counts. */
function moreKeeping(a: Retention, b: Retention): Retention {
  const difference = KEEPING[b.kind] - KEEPING[a.kind] || amount(b) - amount(a);
  return difference > 0 ? b : a;
}

function amount(retention: Retention): number {
  if (retention.kind === 'age') return retention.ms;
  return retention.kind === 'size' ? retention.bytes : 0;
}
