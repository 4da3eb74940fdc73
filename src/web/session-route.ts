import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import { HttpError } from '../api/problem.js';
import { credentials, type SessionView } from '../api/schema-session.js';
import { type Access, cookieName } from './access.js';
import { sendJson } from './answers.js';
import { plainHost } from './hosts.js';
import { cookiesOf, sessionCookie } from './sessions.js';
import type { Scope } from '../config/web.js';

const METHODS = 'GET, HEAD, POST, DELETE';
/** A password of MAX_PASSWORD_LENGTH, each letter escaped. */
const MAX_BODY_BYTES = 16 * 1024;

/** `/session`: who is logged in. Logging in sets a cookie; a deleted session is unknown at once. */
export async function answerSession(
  access: Access,
  request: IncomingMessage,
  response: ServerResponse,
  isTls: boolean,
): Promise<void> {
  const name = cookieName(request);
  const view = (scopes: readonly Scope[]): SessionView => ({
    scopes: [...scopes],
    login: access.hasPassword,
  });
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return sendJson(response, 200, view(access.scopesOf(request)));
    case 'POST': {
      const { password } = await credentialsOf(request);
      const id = await access.login(password, plainHost(request.socket.remoteAddress ?? ''));
      response.setHeader('set-cookie', sessionCookie(name, id, isTls));
      return sendJson(response, 200, view(access.scopesOfSession));
    }
    case 'DELETE':
      for (const id of cookiesOf(request.headers.cookie, name)) access.sessions.end(id);
      response.setHeader('set-cookie', sessionCookie(name, '', isTls));
      return void response.writeHead(204).end();
    default:
      throw new HttpError(405, `/session takes ${METHODS}`, { allow: METHODS });
  }
}

/** Never repeats what was sent. */
async function credentialsOf(request: IncomingMessage): Promise<z.output<typeof credentials>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new HttpError(413, 'the body is too long');
    chunks.push(chunk);
  }
  try {
    return credentials.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch {
    throw new HttpError(400, 'the body must be {"password": "…"}');
  }
}
