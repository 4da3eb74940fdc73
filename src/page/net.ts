import { TEXT } from './strings.js';

const API = '/api/v1';

/** An answer that is no success (RFC 9457), or none at all (`status` 0). */
export class Problem extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export const addressOf = (path: string): string => `${API}${path}`;

/** Asks the API. Rejects with Problem. */
export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await send(path, {
    method,
    ...(method !== 'GET' && {
      headers: { 'content-type': 'application/json', 'x-filesync': '1' },
      body: JSON.stringify(body ?? {}),
    }),
  });
  const text = await response.text().catch(() => '');
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

/** Resolves when the head of a successful answer has arrived. Rejects with Problem. */
export async function send(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(addressOf(path), {
    credentials: 'same-origin',
    cache: 'no-store',
    ...init,
  }).catch(() => {
    throw new Problem(0, TEXT.error.network);
  });
  if (response.ok) return response;
  throw new Problem(response.status, (await detailOf(response)) ?? TEXT.error.unexpected(response.status));
}

async function detailOf(response: Response): Promise<string | undefined> {
  try {
    const { detail } = (await response.json()) as { detail?: unknown };
    return typeof detail === 'string' && detail !== '' ? detail : undefined;
  } catch {
    return undefined;
  }
}
