import type { FileRecord, SourceFile, Store } from '../ports.js';
import { match } from '../record/identity.js';
import { deliveryTo, isOwed } from '../record/named-targets.js';
import { hasLocalCopy, isDelivered } from '../record/state.js';
import { companionOf } from '../rules/companion.js';
import { matcherOf, Planner } from '../rules/plan.js';
import type { Rule } from '../rules/rule.js';
import { refusal, type Selectable } from '../rules/selection.js';
import type { TemplateContext } from '../rules/template-context.js';
import { kindOf, unitOf, type Together } from '../rules/together.js';
import type { Amount, Destination, IncompleteUnits, RulePreview } from './rule-preview.js';
import { notesOn, type PublicPages } from './notes.js';
import { suggestPatterns } from './patterns.js';

/** What the database knows, as of one moment. */
export type KnownFiles = Pick<Store, 'all' | 'versions' | 'source'>;

/** The files of one source. */
export interface SourceListing {
  readonly files: readonly SourceFile[];
  /** Of a source that another process holds, the files come from its records: those that no rule takes are not among them. */
  readonly from: 'source' | 'records';
  /** Why there may be more files. */
  readonly incomplete?: string;
}

/** A file that would be fetched or delivered. */
export interface WantedFile {
  readonly device: string;
  readonly path: string;
  readonly size: number;
  readonly to: readonly { readonly device: string; readonly path: string }[];
}

export interface Preview {
  readonly rules: readonly RulePreview[];
  readonly files: readonly WantedFile[];
}

export interface PreviewParts {
  readonly rules: readonly Rule[];
  readonly known: KnownFiles;
  readonly listings: ReadonlyMap<string, SourceListing>;
  readonly templates: Pick<TemplateContext, 'describe' | 'paths'>;
  readonly publicPages: PublicPages;
  /** ms since the Unix epoch. */
  readonly now: number;
}

/** A file of a source, with its record. */
interface Candidate {
  readonly file: Selectable & SourceFile;
  readonly record: FileRecord | undefined;
  /** That of the database which it is a companion of. */
  readonly main: Selectable | undefined;
  /** It is on the source, and not only in local storage. */
  readonly isListed: boolean;
}

/** What the rules would do with the files that are listed, and with those that wait in local storage. Changes nothing. */
export async function preview(parts: PreviewParts): Promise<Preview> {
  const devices = new Map<string, readonly Candidate[]>();
  for (const { from } of parts.rules) if (!devices.has(from)) devices.set(from, candidatesOf(from, parts));
  const files = new Map<Candidate, WantedFile>();
  const planner = new Planner(parts.rules);
  const rules: RulePreview[] = [];
  for (const [index, rule] of parts.rules.entries()) {
    const outlook = new Outlook(rule, devices.get(rule.from) ?? []);
    for (const { candidate, targets } of outlook.wanted) {
      const paths = await pathsOf(candidate, planner, parts.templates);
      const to = targets.map(device => ({ device, path: paths[device] ?? '' }));
      for (const { device, path } of to) outlook.add(device, candidate.file.size, path);
      files.set(candidate, united(candidate.file, files.get(candidate)?.to ?? [], to));
    }
    const forecast = outlook.forecast(parts.listings.get(rule.from), isNew(rule.from, parts.known));
    rules.push({
      rule: index + 1,
      ...forecast,
      notes: notesOn({ rule: index + 1, ...forecast }, rule, parts.publicPages),
    });
  }
  return { rules, files: [...files.values()] };
}

/** A target that several rules name gets the file once. */
function united({ device, path, size }: Candidate['file'], ...lists: WantedFile['to'][]): WantedFile {
  const to = new Map(lists.flat().map(one => [one.device, one]));
  return { device, path, size, to: [...to.values()] };
}

/** No record says that the source was ever scanned; see Finder, which decides in the same way. */
function isNew(device: string, known: KnownFiles): boolean {
  if (known.source(device)) return false;
  for (const record of known.all()) if (record.device === device && !record.atFirstScan) return false;
  return true;
}

// ---- the files of a source ------------------------------------------------------------------------------

function candidatesOf(device: string, { known, listings, now }: PreviewParts): Candidate[] {
  const isFirst = isNew(device, known);
  const files = listings.get(device)?.files ?? [];
  const listed = files.map(file => candidateOf(device, file, known, now, isFirst));
  const there = new Set(listed.map(({ record }) => record?.id));
  const waiting = [...known.all()].filter(
    record =>
      record.device === device && !there.has(record.id) && hasLocalCopy(record) && !isDelivered(record),
  );
  const all = [
    ...listed,
    ...waiting.map(record => ({ file: record, record, main: undefined, isListed: false })),
  ];
  const byPath = new Map(all.map(({ file }) => [file.path, file]));
  return all.map(one => ({ ...one, main: byPath.get(companionOf(one.file.path) ?? '') }));
}

function candidateOf(
  device: string,
  file: SourceFile,
  known: KnownFiles,
  now: number,
  isFirst: boolean,
): Candidate {
  const found = match(file, known.versions(device, file.path), () => false);
  const record = found.kind === 'known' || found.kind === 'back' ? found.record : undefined;
  const fresh = { ...file, device, foundAt: now, ...(isFirst && { atFirstScan: true as const }) };
  return { file: record ?? fresh, record, main: undefined, isListed: true };
}

async function pathsOf(
  { file, record }: Candidate,
  planner: Planner,
  templates: PreviewParts['templates'],
): Promise<Readonly<Record<string, string>>> {
  const plan = planner.plan(file.device, file.path);
  if (!plan) return {};
  const description = record?.description ?? (await templates.describe(file, plan));
  const paths = await templates.paths({ ...file, description }, plan);
  const chosen = Object.entries(record?.targets ?? {}).flatMap(([device, { path }]) =>
    path === undefined ? [] : [[device, path] as const],
  );
  return { ...paths, ...Object.fromEntries(chosen) };
}

// ---- one rule -------------------------------------------------------------------------------------------

/** Which of the rule's targets would get the file; what becomes of it if none does. */
type Verdict = { readonly targets: readonly string[] } | { readonly kept: 'delivered' | 'failed' };

function verdictOn(rule: Rule, record: FileRecord | undefined): Verdict {
  if (!record) return { targets: rule.to };
  const owes = !record.byHand && isOwed(record, rule.to);
  if (isDelivered(record) && !owes) return { kept: 'delivered' };
  if (record.givenUp) return { kept: 'failed' };
  const stateAt = (target: string) => deliveryTo(record, target)?.state;
  const named = record.byHand ? rule.to.filter(target => record.targets[target]) : rule.to;
  const targets = named.filter(target => stateAt(target) !== 'done' && stateAt(target) !== 'failed');
  if (targets.length > 0) return { targets };
  return { kept: named.some(target => stateAt(target) === 'failed') ? 'failed' : 'delivered' };
}

/** Counts what one rule would do. */
class Outlook {
  readonly wanted: { readonly candidate: Candidate; readonly targets: readonly string[] }[] = [];
  readonly #rule: Rule;
  readonly #candidates: readonly Candidate[];
  readonly #skipped: Record<string, number> = {};
  readonly #kept: Record<'delivered' | 'failed', Candidate[]> = { delivered: [], failed: [] };
  readonly #destinations = new Map<string, Destination>();
  readonly #matching: readonly Candidate[];

  constructor(rule: Rule, candidates: readonly Candidate[]) {
    const matches = matcherOf(rule);
    this.#rule = rule;
    this.#candidates = candidates;
    this.#matching = candidates.filter(({ file }) => matches(file.path));
    for (const device of rule.to) this.#destinations.set(device, { device, files: 0, bytes: 0 });
    for (const candidate of this.#matching) this.#consider(candidate);
  }

  add(device: string, size: number, path: string): void {
    const { files = 0, bytes = 0, example = path } = this.#destinations.get(device) ?? {};
    this.#destinations.set(device, { device, files: files + 1, bytes: bytes + size, example });
  }

  forecast(listing: SourceListing | undefined, firstContact: boolean): Omit<RulePreview, 'rule' | 'notes'> {
    const { from, to, include, exclude, together } = this.#rule;
    const seen = this.#candidates.filter(({ isListed }) => isListed);
    const matching = this.#matching.filter(({ isListed }) => isListed);
    const paths = seen.map(({ file }) => file.path);
    const included = paths.filter(matcherOf({ include, exclude: [], ...(together && { together }) })).length;
    return {
      ...{ from, to, include, exclude, firstContact, listed: listing?.from ?? 'not' },
      ...(listing?.incomplete !== undefined && { incomplete: listing.incomplete }),
      ...(together && { incompleteUnits: this.#incompleteUnits(together) }),
      ...{ seen: amountOf(seen), matching: amountOf(matching), excluded: included - matching.length },
      skipped: this.#skipped,
      delivered: amountOf(this.#kept.delivered),
      failed: amountOf(this.#kept.failed),
      wanted: amountOf(this.wanted.map(({ candidate }) => candidate)),
      destinations: [...this.#destinations.values()],
      suggestions: seen.length > 0 ? suggestPatterns(this.#rule, paths) : [],
    };
  }

  /** Units of the wanted files that lack what they need, and how many files wait for it. */
  #incompleteUnits(together: Together): IncompleteUnits {
    const there = new Set(this.#matching.map(({ file }) => file.path.toLowerCase()));
    const missing = new Map<string, string>();
    let files = 0;
    for (const { candidate } of this.wanted) {
      const unit = unitOf(candidate.file.path, together);
      const need = unit?.needs.find(path => !there.has(path.toLowerCase()));
      if (!unit || need === undefined) continue;
      missing.set(unit.key, need);
      files += 1;
    }
    const [example = ''] = missing.values();
    return { units: missing.size, kind: kindOf(together), files, example };
  }

  #consider(candidate: Candidate): void {
    const { file, record, main } = candidate;
    const verdict = verdictOn(this.#rule, record);
    if ('kept' in verdict) return void this.#kept[verdict.kept].push(candidate);
    const refused = refusal(this.#rule, file, main);
    if (refused === undefined) return void this.wanted.push({ candidate, targets: verdict.targets });
    const [key = ''] = refused.split(' (');
    this.#skipped[key] = (this.#skipped[key] ?? 0) + 1;
  }
}

const amountOf = (candidates: readonly Candidate[]): Amount => ({
  files: candidates.length,
  bytes: candidates.reduce((sum, { file }) => sum + file.size, 0),
});
