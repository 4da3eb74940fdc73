import type { ErrorDetails } from '../../errors.js';

/** The operation to which a request belongs. */
export interface RequestScope {
  readonly signal: AbortSignal;
  readonly details: ErrorDetails;
}
