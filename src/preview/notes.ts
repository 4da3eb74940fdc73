import { MANY_FILES } from '../rules/first-contact.js';
import type { Rule } from '../rules/rule.js';
import { formatSize } from '../system/size.js';
import type { Amount, RulePreview } from './rule-preview.js';

/** Names of targets whose uploads are public, and their addresses. */
export type PublicPages = ReadonlyMap<string, string>;

/** `214 files (3.2 GB)` */
export const showAmount = ({ files, bytes }: Amount): string =>
  `${showFiles(files)}${files > 0 ? ` (${formatSize(bytes)})` : ''}`;

export const showFiles = (files: number): string => `${files} ${files === 1 ? 'file' : 'files'}`;

/** What a person should know before the rule is applied: a sentence each. */
export function notesOn(outlook: Omit<RulePreview, 'notes'>, rule: Rule, pages: PublicPages): string[] {
  return [
    ...patternNotes(outlook),
    ...publicNotes(outlook, pages),
    ...firstContactNotes(outlook, rule, pages),
    ...unitNotes(outlook, rule),
  ];
}

function patternNotes({ seen, matching, excluded, suggestions }: Omit<RulePreview, 'notes'>): string[] {
  const none = seen.files > 0 && matching.files === 0;
  const similar = suggestions.map(
    ({ pattern, instead, matching: files }) =>
      `include: ${pattern} takes nothing here; ${instead} would take ${showFiles(files)}`,
  );
  if (similar.length > 0 || !none) return similar;
  return excluded > 0
    ? [`exclude leaves out all ${showFiles(excluded)} that include takes`]
    : [`include takes none of ${showFiles(seen.files)}, and no similar pattern does`];
}

function unitNotes({ incompleteUnits }: Omit<RulePreview, 'notes'>, { together }: Rule): string[] {
  if (!incompleteUnits || incompleteUnits.units === 0) return [];
  const { units, kind, files, example } = incompleteUnits;
  const [which, state, them] =
    units === 1
      ? [kind, 'is not complete, and waits', 'it']
      : [`${kind}s`, 'are not complete, and wait', 'them'];
  const sent = `${together?.early ? 'the last file' : 'anything'} of ${them} is sent`;
  const what = `${units} ${which} of ${showFiles(files)} ${state}`;
  return [`together: ${what} before ${sent}: ${example} is missing`];
}

function publicNotes({ to }: Omit<RulePreview, 'notes'>, pages: PublicPages): string[] {
  return to.flatMap(device => {
    const page = pages.get(device);
    return page === undefined
      ? []
      : [`${device} is a public page (${page}): anybody can see what is sent there`];
  });
}

function firstContactNotes(
  { firstContact, from, to, wanted }: Omit<RulePreview, 'notes'>,
  { begin }: Rule,
  pages: PublicPages,
): string[] {
  const isPublic = to.some(device => pages.has(device));
  if (!firstContact || begin.kind !== 'all' || wanted.files === 0) return [];
  if (wanted.files <= MANY_FILES && !isPublic) return [];
  return [
    `first contact with ${from}: ${showAmount(wanted)} that it already holds would be sent; begin: new in this rule takes only what comes later`,
  ];
}
