import axios from 'axios';
import type { Clock, Logger } from '../../ports.js';
import { webTrouble } from '../network.js';
import { masked } from '../../system/masked.js';

/** Where requests are logged. */
export interface RequestLog {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Those that may be in a URL. */
  readonly secrets: Iterable<string>;
}

/** Sends the request and logs, at the level debug, its method, URL and status, and the ms until the answer began. */
export async function logged<Answer extends { readonly status: number }>(
  { method, url }: { readonly method: string; readonly url: URL },
  { logger, clock, secrets }: RequestLog,
  send: () => Promise<Answer>,
): Promise<Answer> {
  const start = clock.monotonic();
  const log = (outcome: string): void => {
    const ms = Math.round(clock.monotonic() - start);
    logger.log('debug', `${method} ${masked(publicUrl(url), secrets)}: ${outcome}, ${ms} ms`);
  };
  try {
    const answer = await send();
    log(String(answer.status));
    return answer;
  } catch (error) {
    log(`no answer (${reasonOf(error)})`);
    throw error;
  }
}

/** The URL without user and password, and with `***` for the values of its query. */
export function publicUrl({ origin, pathname, searchParams }: URL): string {
  const query = [...searchParams.keys()].map(name => `${encodeURIComponent(name)}=***`).join('&');
  return `${origin}${pathname}${query && `?${query}`}`;
}

function reasonOf(error: unknown): string {
  if (axios.isCancel(error)) return 'cancelled';
  return webTrouble(axios.isAxiosError(error) ? (error.cause ?? error) : error);
}
