import { jsonIn } from './location.js';

/** How a site says that it has stored a file. All that is given must be true. */
export interface Success {
  readonly status?: number | readonly number[] | undefined;
  /** Values that the JSON object of the body must have; names of nested values are joined by dots. */
  readonly json?: Readonly<Record<string, unknown>> | undefined;
  /** The body must match it. */
  readonly pattern?: RegExp | undefined;
}

/** What an answer with a status of success says in truth. */
export type Finding = 'stored' | 'refused' | 'login';

/** What an answer is examined for. */
export interface Examined {
  readonly status: number;
  /** The beginning of the body. */
  readonly body: string;
}

/** Whether the site says that it has stored the file, by its own words for that or by those in common use. */
export function findingOf(answer: Examined, success: Success | undefined): Finding {
  if (success && isSuccess(answer, success)) return 'stored';
  if (isLoginForm(answer.body)) return 'login';
  return success || isNegative(jsonIn(answer.body)) ? 'refused' : 'stored';
}

function isSuccess({ status, body }: Examined, { status: wanted, json, pattern }: Success): boolean {
  if (wanted !== undefined && ![wanted].flat().includes(status)) return false;
  if (pattern && !pattern.test(body)) return false;
  if (!json) return true;
  const parsed = jsonIn(body);
  return Object.entries(json).every(([path, value]) => isEqual(valueAt(parsed, path), value));
}

const valueAt = (value: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), value);

/** An expected object may have fewer values than the one that came. */
function isEqual(found: unknown, expected: unknown): boolean {
  if (!isObject(expected)) return found === expected;
  return Object.entries(expected).every(([name, value]) => isObject(found) && isEqual(found[name], value));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Words with which programs begin to say that nothing was stored, whatever the status. */
const NEGATIVE = new Set('error err fail failed failure denied rejected refused invalid'.split(' '));
/** How `false` is written; PHP and shell scripts make texts and numbers of it. */
const FALSE = new Set<unknown>([false, 0, 'false', 'no', '0']);

function isNegative(json: unknown): boolean {
  if (!isObject(json)) return false;
  const { success, ok, status, result, error, errors } = json;
  if ([success, ok].some(word => FALSE.has(inLowerCase(word)))) return true;
  if ([status, result].some(word => NEGATIVE.has(String(inLowerCase(word))))) return true;
  if (typeof status === 'number' && status >= 400 && status < 600) return true;
  return error === true || isObject(error) || [error, errors].some(isFilled);
}

const inLowerCase = (word: unknown): unknown => (typeof word === 'string' ? word.toLowerCase() : word);

/** Programs that always have `errors` leave it empty where nothing is wrong. */
const isFilled = (value: unknown): boolean =>
  isObject(value) ? Object.keys(value).length > 0 : typeof value === 'string' && value !== '';

/** A page that asks for a password, or one that a network in between shows before it lets anyone through. */
function isLoginForm(body: string): boolean {
  const page = body.toLowerCase();
  if (!page.trimStart().startsWith('<')) return false;
  const hasForm = page.includes('<form') || /http-equiv=["']?refresh/.test(page);
  return /type=["']?password/.test(page) || (hasForm && LOGIN_WORDS.test(page));
}

const LOGIN_WORDS = /\b(log ?in|sign ?in|captive|portal|hotspot|voucher|wi-?fi)\b/;
