import type * as z from 'zod';
import type { ConfigPlace } from './issues.js';
import { childOf, isRecord, shapeOf } from './introspect.js';
import { suggest } from './nearest.js';

/** The schema's output; undefined if the value is invalid, with the errors reported at `place`. */
export function validate<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  place: ConfigPlace,
): Output | undefined {
  const result = schema.safeParse(value);
  for (const issue of result.error?.issues ?? []) report(issue, schema, value, place);
  return result.data;
}

/** Reports `keys` of the map at `place` as unknown. */
export function reportUnknownKeys(
  keys: readonly string[],
  known: readonly string[],
  place: ConfigPlace,
): void {
  for (const key of keys) place.at(key).error(`unknown key; ${suggest(key, known)}`);
}

function report(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown, place: ConfigPlace): void {
  const path = issue.path.map(part => (typeof part === 'number' ? part : String(part)));
  const meant = issuesOfMeantBranch(issue);
  if (meant) {
    for (const inner of meant) report({ ...inner, path: [...path, ...inner.path] }, schema, value, place);
    return;
  }
  if (issue.code !== 'unrecognized_keys') {
    place.at(...path).error(inWords(issue, path.reduce(valueAt, value)));
    return;
  }
  const owner = path.reduce<z.ZodType | undefined>((parent, key) => parent && childOf(parent, key), schema);
  reportUnknownKeys(issue.keys, Object.keys((owner && shapeOf(owner)) ?? {}), place.at(...path));
}

/** The issues of the only branch of a union that the value can be meant for; undefined if that is not clear. */
function issuesOfMeantBranch(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] | undefined {
  if (issue.code !== 'invalid_union' || issue.message !== GENERIC_UNION_MESSAGE) return undefined;
  const [meant, another] = issue.errors.filter(branch =>
    branch.every(({ code, path }) => code === 'unrecognized_keys' || path.length > 0),
  );
  return another ? undefined : meant;
}

function valueAt(parent: unknown, key: string | number): unknown {
  if (Array.isArray(parent)) return parent[Number(key)];
  return isRecord(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

/** Never repeats the value (it may be a secret), except a word for an option with a list of words. */
function inWords(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return `missing; ${expectation(issue)}`;
  if (value === null) return `has no value; ${expectation(issue)}`;
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, value);
    case 'invalid_value':
      return wrongChoice(issue.values.map(String), value);
    case 'too_small':
    case 'too_big':
      return outOfRange(issue);
    default:
      return expectation(issue);
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list, like [a, b]',
  object: 'a map of keys',
  record: 'a map of keys',
};

function wrongType(expected: string, value: unknown): string {
  const remedy = expected === 'string' && typeof value !== 'object' ? '; put it in quotes' : '';
  return `must be ${TYPES[expected] ?? expected}, not ${kindOf(value)}${remedy}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return TYPES[typeof value] ?? typeof value;
}

function wrongChoice(values: readonly string[], value: unknown): string {
  if (typeof value !== 'string') return `must be one of ${values.join(', ')}`;
  return `unknown value "${value}"; ${suggest(value, values)}`;
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const { origin, inclusive } = issue;
  if (issue.code === 'too_big')
    return `must be ${inclusive ? 'at most' : 'less than'} ${amount(issue.maximum, origin)}`;
  const notEmpty = Number(issue.minimum) === 1 ? NOT_EMPTY[origin] : undefined;
  if (notEmpty !== undefined) return notEmpty;
  return `must be ${inclusive ? 'at least' : 'more than'} ${amount(issue.minimum, origin)}`;
}

const NOT_EMPTY: Readonly<Record<string, string>> = {
  array: 'must name at least one',
  string: 'must not be empty',
};

function amount(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} characters`;
  return origin === 'array' ? `${limit} items` : String(limit);
}

/** The requirement, as a sentence's end. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `must be ${issue.values.map(String).join(' or ')}`;
  if (issue.code !== 'invalid_union' || issue.message !== GENERIC_UNION_MESSAGE) return issue.message;
  const branches = issue.errors.flatMap(([first]) => (first ? [expectation(first)] : []));
  return branches.join(', or ').replaceAll(', or must be', ', or');
}

/** zod's own message of a union, without information. */
const GENERIC_UNION_MESSAGE = 'Invalid input';
