import { matcherOf } from '../rules/plan.js';
import type { Rule } from '../rules/rule.js';

/** A pattern of `include` that takes nothing, and one that would take files. */
export interface Suggestion {
  /** As the rule has it. */
  readonly pattern: string;
  readonly instead: string;
  /** Files that `instead` takes, besides those that `exclude` leaves out. */
  readonly matching: number;
}

/** Endings of files that are suggested where no pattern resembles one that takes files. */
const MAX_ENDINGS = 3;

/** For each pattern of `include` that takes none of these files, a similar one that takes some; else the commonest endings. */
export function suggestPatterns(
  { include, exclude }: Pick<Rule, 'include' | 'exclude'>,
  paths: readonly string[],
): Suggestion[] {
  const count = (pattern: string) => paths.filter(matcherOf({ include: [pattern], exclude })).length;
  const vain = include.filter(pattern => count(pattern) === 0);
  const similar = vain.flatMap(pattern => {
    const instead = candidatesFor(pattern).find(candidate => count(candidate) > 0);
    return instead === undefined ? [] : [{ pattern, instead, matching: count(instead) }];
  });
  const [first = ''] = include;
  if (similar.length > 0 || vain.length < include.length) return similar;
  const endings = commonEndings(paths).map(ending => `**/*${ending}`);
  const suggestions = endings.map(instead => ({ pattern: first, instead, matching: count(instead) }));
  return suggestions.filter(({ matching }) => matching > 0);
}

/** The pattern in any folder, and without folders at its beginning: those above the device's root are not part of a path. */
function candidatesFor(pattern: string): string[] {
  const parts = pattern.split('/').filter(part => part !== '' && part !== '.');
  const shorter = parts.map((_, index) => parts.slice(index).join('/'));
  return shorter.flatMap(each => [each, `**/${each}`]).filter(each => each !== pattern && each !== '**');
}

/** The commonest endings of names, with their dot, in lower case. */
function commonEndings(paths: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const [ending] = /\.[^./]{1,8}$/.exec(path.toLowerCase()) ?? [];
    if (ending !== undefined) counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.slice(0, MAX_ENDINGS).map(([ending]) => ending);
}
