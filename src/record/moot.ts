import type { FileRecord } from '../ports.js';
import type { StepKind } from './wait.js';

/** The reason for which the running steps of a file are aborted that is given up: only a person resumes them. */
export const GIVEN_UP = 'the file is given up';

/** Whether a running step that is not wanted any more must not go on to its end either. */
export const isMoot =
  (record: FileRecord | undefined) =>
  ({ step: { kind } }: { readonly step: { readonly kind: StepKind } }): boolean =>
    !record || record.givenUp === true || ((kind === 'remove' || kind === 'evict') && !record.delivered);

/** The reason for which the moot steps of a file are aborted. */
export const mootReason = (record: FileRecord | undefined): string =>
  record?.givenUp ? GIVEN_UP : 'the file is forgotten, or sent again';
