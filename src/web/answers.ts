import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError, problemFrom } from '../api/problem.js';
import { hasBody } from './own-page.js';

/** Of every answer. Nothing is loaded from other places or runs inside the page; nobody shows it in a frame. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // What may be stored says so itself.
  'cache-control': 'no-store',
};

export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', JSON.stringify(body));
}

/** For HEAD, Node leaves out the body. */
export function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
}

/** An error as RFC 9457 describes it; where the answer has begun, it ends early. */
export function sendProblem(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) return void response.destroy();
  const problem = problemFrom(thrown);
  const headers = thrown instanceof HttpError ? thrown.headers : {};
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // The rest of the body is not read.
  if (hasBody(request) && !request.complete) response.setHeader('connection', 'close');
  send(response, problem.status, 'application/problem+json', JSON.stringify(problem));
}
