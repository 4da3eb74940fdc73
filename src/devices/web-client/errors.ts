import type { ErrorDetails, FileSyncError } from '../../errors.js';
import { meaningOf, type ErrorTable } from '../error-table.js';
import { refusalError, type Server } from '../http/refusal.js';

/** A reply that is no success. */
export interface RefusedReply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** The beginning of its body. */
  readonly text: string;
}

export type RefusalErrors = (reply: RefusedReply, server: Server, details: ErrorDetails) => FileSyncError;

/** What refusals mean by the table of a protocol over HTTP; its words follow the server's name. */
export const refusalsBy =
  (table: ErrorTable): RefusalErrors =>
  ({ status, header, text }, server, details) => {
    const refusal = { status, said: header('location') ?? text, retryAfter: header('retry-after') };
    return refusalError(refusal, meaningOf(status, table), server, details);
  };
