import axios from 'axios';
import type { Socket } from 'node:net';
import type { ErrorTable } from '../devices/error-table.js';
import { beginningOf, exchange } from '../devices/http/exchange.js';
import { agentFor } from '../devices/http/post.js';
import { PROXY_REFUSED, refusalError } from '../devices/http/refusal.js';
import { connectTo, webTrouble } from '../devices/network.js';
import { meaningOf, type Meaning } from '../devices/error-table.js';
import { proxyFor } from '../devices/proxy.js';
import { serverWords } from '../devices/server-words.js';
import { FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { abortOf } from '../system/deadline.js';

export interface PostedNotice {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** What no message may contain. */
  readonly secrets: readonly string[];
}

export interface PostServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** ms in which the connection must open, the request get on, and the answer begin. */
  readonly timeout: number;
}

const BUSY: Meaning = ['busy', 'cannot take messages now'];
const LOGIN: Meaning = [
  'denied',
  'refused the login: check the token in headers or url, and its rights there',
];

/** RFC 9110 section 15, RFC 6585. The words follow the server's name. */
const STATUS: ErrorTable = {
  codes: {
    401: LOGIN,
    403: LOGIN,
    404: ['rejected', 'has nothing at that address: check url'],
    405: ['rejected', 'takes no such request: check url and method'],
    407: PROXY_REFUSED,
    408: BUSY,
    413: ['too-large', 'takes no message of that length: shorten body'],
    425: BUSY,
    429: BUSY,
    511: ['denied', 'cannot be reached: the network in between wants a login first'],
  },
  classes: {
    3: ['protocol', 'redirects messages to another address: set url to that one'],
    4: ['rejected', 'refused the message: check body and headers'],
    5: BUSY,
  },
};

/** Sends one message. Resolves to the answer for a person; rejects with FileSyncError, without secrets. */
export async function post(
  notice: PostedNotice,
  services: PostServices,
  signal: AbortSignal,
): Promise<string> {
  const { url, secrets } = notice;
  const { clock } = services;
  const { status, said, retryAfter } = await answerOf(notice, services, signal);
  if (status >= 200 && status < 300) return `${status} ${serverWords(said, secrets)}`.trim();
  const server = { host: url.host, secrets, now: clock.now() };
  throw refusalError({ status, said, retryAfter }, meaningOf(status, STATUS), server, {});
}

interface Answer {
  readonly status: number;
  readonly said: string;
  readonly retryAfter: string | undefined;
}

async function answerOf(
  { url, method, headers, body, secrets: own }: PostedNotice,
  { clock, logger, env, timeout }: PostServices,
  signal: AbortSignal,
): Promise<Answer> {
  let socket: Socket | undefined;
  try {
    const proxy = proxyFor(url, env);
    const secrets = [...own, ...(proxy?.secrets ?? [])];
    socket = await connectTo(url, { tls: {}, timeout, signal, proxy });
    const agent = agentFor(url, socket);
    const log = { logger, clock, secrets };
    const reply = await exchange({ url, method, headers, body, agent, proxy, signal, log, timeout });
    const said = await beginningOf(reply.body, clock, timeout);
    return { status: reply.status, said, retryAfter: reply.header('retry-after') };
  } catch (thrown) {
    throw signal.aborted ? abortOf(signal) : unreachable(url, thrown);
  } finally {
    socket?.destroy();
  }
}

/** The error of axios holds the headers with their secrets: it is no cause that is passed on. */
function unreachable(url: URL, thrown: unknown): FileSyncError {
  if (thrown instanceof FileSyncError) return thrown;
  const cause = axios.isAxiosError(thrown) ? thrown.cause : thrown;
  return new FileSyncError('unavailable', `${url.host} ${webTrouble(cause ?? thrown)}`, { cause });
}
