import { isIP } from 'node:net';
import { getDomain } from 'tldts';
import * as z from 'zod';
import { bareHost } from '../proxy.js';

/** Characters of an address that is taken for a file's location. Browsers and proxies support little more. */
const MAX_LOCATION_LENGTH = 2048;

/** What an answer says of a location. */
export interface Located {
  /** The beginning of the body. */
  readonly body: string;
  /** The header Location. */
  readonly location: string | undefined;
}

/** `url` or `location` in a JSON body, or the header Location, made absolute; undefined unless it is a web address. */
export function locationOf({ body, location }: Located, base: URL): URL | undefined {
  const text = jsonLocation(body) ?? location;
  if (text === undefined || text.length > MAX_LOCATION_LENGTH || !URL.canParse(text, base.href))
    return undefined;
  const url = new URL(text, base);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  return isWeb && url.href.length <= MAX_LOCATION_LENGTH ? url : undefined;
}

const jsonAnswer = z.object({ url: z.string(), location: z.string() }).partial();

function jsonLocation(body: string): string | undefined {
  const { url, location } = jsonAnswer.safeParse(jsonIn(body)).data ?? {};
  return url ?? location;
}

/** The memory of a parser grows with the depth: a megabyte of brackets costs it a second. No answer of a server is as deep. */
const MAX_DEPTH = 1_000;

/** The parsed text, which may begin with a byte order mark; undefined if it is not JSON, or deeper than any answer. */
export function jsonIn(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) return undefined;
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

/** At most that many arrays and objects are in one another; brackets in texts count, too. */
function depthOf(text: string): number {
  let [depth, most] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPENING_BRACKET || code === OPENING_BRACE) most = Math.max(most, ++depth);
    else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) depth--;
  }
  return most;
}

const [OPENING_BRACKET, CLOSING_BRACKET, OPENING_BRACE, CLOSING_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Redirects by which pages show the result of a form (RFC 9110 sections 15.4.3 and 15.4.4). */
export const isResultRedirect = (status: number): boolean => status === 302 || status === 303;

/** Paths of pages that require a login: a redirect to one means that the login failed. */
const LOGIN_PAGE = /\/(log|sign)[-_]?in\b/i;

export const isLoginPage = ({ pathname }: URL): boolean => LOGIN_PAGE.test(pathname);

/** Whether a redirect only moves the upload (for example to https), or requires a login first. */
export const storedNothing = (location: URL, requested: URL): boolean =>
  location.pathname === requested.pathname || isLoginPage(location);

/** Whether two hosts belong to one owner: they are the same, or below the same name of the public suffix list. */
export function isSameSite(one: URL, other: URL): boolean {
  const [a, b] = [bareHost(one), bareHost(other)];
  if (a === b) return true;
  if (isIP(a) || isIP(b)) return false;
  const owner = getDomain(a, { allowPrivateDomains: true });
  return owner !== null && owner === getDomain(b, { allowPrivateDomains: true });
}
