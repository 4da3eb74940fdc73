import { STATUS_CODES } from 'node:http';
import * as z from 'zod';
import { toFileSyncError, type ErrorKind } from '../errors.js';

/** An error as RFC 9457 describes it (`application/problem+json`). */
export const problem = z.object({
  /** Always `about:blank`: the status says of which kind the error is. */
  type: z.literal('about:blank'),
  /** The phrase of the status. */
  title: z.string(),
  status: z.int().min(400).max(599),
  /** One sentence for a person. */
  detail: z.string(),
});

export type Problem = z.output<typeof problem>;

/** A request that HTTP itself refuses. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}

export const problemOf = (status: number, detail: string): Problem => ({
  ...{ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail },
});

/** The statuses of errors; any other error is a 500. */
const STATUSES: Partial<Record<ErrorKind, number>> = {
  config: 400,
  'bad-name': 400,
  'not-found': 404,
  exists: 409,
  changed: 409,
  unavailable: 503,
  busy: 503,
  'no-space': 507,
};

/** Any thrown value as the answer of a server. */
export function problemFrom(thrown: unknown): Problem {
  if (thrown instanceof HttpError) return problemOf(thrown.status, thrown.message);
  if (thrown instanceof z.ZodError) return problemOf(400, issueOf(thrown));
  const { kind, message } = toFileSyncError(thrown);
  return problemOf(STATUSES[kind] ?? 500, message);
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  const at = issue?.path.join('.') ?? '';
  return `${at === '' ? '' : `${at}: `}${issue?.message ?? 'wrong request'}`;
}
