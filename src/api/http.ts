import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LiveApi } from './api.js';
import { HttpError, problemFrom } from './problem.js';
import type { Call, Route } from './route.js';
import { routes } from './routes.js';

/** Longest body of a request. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Longest part of a path between two slashes, as it is sent. */
const MAX_PART_LENGTH = 256;
/** Names the version; the socket answers without it, too. */
const PREFIX = /^\/api\/v1(?=\/)/;

/** A route of the table, and what its path's names in braces stand for. */
export interface Found {
  /** Where the path exists and the method does not, a route that answers 405 and needs no scope. */
  readonly route: Pick<Route, 'scope' | 'path' | 'method'>;
  readonly params: Readonly<Record<string, string>>;
  /** The methods that the path has, as the header Allow lists them. */
  readonly allow: readonly string[];
  /** Undefined where `method` is not allowed. */
  readonly allowed: Route | undefined;
}

/**
 * What the table has for the path, with or without a query; undefined if it has no such path. HEAD finds what GET finds
 * (RFC 9110, section 9.3.2).
 */
export function routeFor(method: string, path: string): Found | undefined {
  const parts = partsOf(path);
  const alike = parts && pathsOfLength(parts.length).find(({ pattern }) => fits(pattern, parts));
  if (!alike || !parts) return undefined;
  const { pattern, byMethod } = alike;
  const allowed = byMethod.get(method === 'HEAD' ? 'GET' : method);
  const allow = [...byMethod.keys()].flatMap(one => (one === 'GET' ? ['GET', 'HEAD'] : [one]));
  const named = pattern.flatMap((part, at) => (isName(part) ? [[part.slice(1, -1), parts[at] ?? '']] : []));
  const params = Object.fromEntries(named) as Record<string, string>;
  return {
    route: allowed ?? { path: `/${pattern.join('/')}`, method: 'GET', scope: 'none' },
    params,
    allow,
    allowed,
  };
}

interface Path {
  readonly pattern: readonly string[];
  readonly byMethod: Map<string, Route>;
}

const isName = (part: string): boolean => part.startsWith('{');

/** The paths of the table; those with fewer names in braces come first, as OpenAPI wants them to be matched. */
const paths: readonly Path[] = (() => {
  const all = new Map<string, Path>();
  for (const route of routes) {
    const path = all.get(route.path) ?? { pattern: route.path.slice(1).split('/'), byMethod: new Map() };
    all.set(route.path, path);
    path.byMethod.set(route.method, route);
  }
  const names = ({ pattern }: Path) => pattern.filter(isName).length;
  return [...all.values()].sort((a, b) => names(a) - names(b));
})();

const pathsOfLength = (length: number) => paths.filter(({ pattern }) => pattern.length === length);

const fits = (pattern: readonly string[], parts: readonly string[]): boolean =>
  pattern.every((part, at) => isName(part) || part === parts[at]);

/** Decoded; undefined where a part is empty, too long or no text. */
function partsOf(url: string): readonly string[] | undefined {
  const [path = ''] = url.split('?', 1);
  const parts = path.replace(PREFIX, '').split('/').slice(1);
  if (!path.startsWith('/') || parts.some(part => part === '' || part.length > MAX_PART_LENGTH))
    return undefined;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** Never rejects, whatever the client asks. `found`: what `routeFor` has found for the request; undefined is a 404. */
export async function answer(
  api: LiveApi,
  request: IncomingMessage,
  response: ServerResponse,
  found: Found | undefined,
): Promise<void> {
  response.on('error', () => undefined);
  try {
    const route = allowedRoute(request, found);
    const call = await callOf(route, request, response, found?.params ?? {});
    const result = await route.answer(api, call);
    if (route.type === 'application/json') send(response, 200, route.type, result);
  } catch (thrown) {
    fail(request, response, thrown);
  }
}

function allowedRoute({ method, url = '' }: IncomingMessage, found: Found | undefined): Route {
  if (found?.allowed) return found.allowed;
  const path = url.split('?', 1)[0]?.slice(0, 100) ?? '';
  if (!found) throw new HttpError(404, `no ${path} here`);
  const allow = found.allow.join(', ');
  throw new HttpError(405, `${path} takes ${allow}, not ${method}`, { allow });
}

async function callOf(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  params: Call['params'],
): Promise<Call> {
  const query = route.query.parse(queryOf(request.url ?? ''));
  const body = route.body?.parse(await bodyOf(request));
  return { params, query, body, request, response };
}

/** Each parameter once: which of two would count is not for the server to guess. */
function queryOf(url: string): Record<string, string> {
  const at = url.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (seen.has(name)) throw new HttpError(400, `${name}: is there more than once`);
    seen.add(name);
  }
  return Object.fromEntries(query);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const text = await textOf(request);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

/** Rejects with 413 as soon as the body is known to be too long. */
async function textOf(request: IncomingMessage): Promise<string> {
  const tooLong = () => new HttpError(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES) throw tooLong();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Where the answer has begun, all that can be done is to end it early. */
function fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) return void response.destroy();
  const problem = problemFrom(thrown);
  const headers = thrown instanceof HttpError ? thrown.headers : {};
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // The rest of the body is not read.
  if (!request.complete) response.setHeader('connection', 'close');
  send(response, problem.status, 'application/problem+json', problem);
}

function send(response: ServerResponse, status: number, type: string, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': type, 'content-length': text.length }).end(text);
}
