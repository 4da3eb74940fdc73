import * as z from 'zod';
import { FileSyncError, type ErrorDetails } from '../errors.js';
import type { Logger } from '../ports.js';

/** Files and folders of one source, where `max_files` does not say otherwise. */
export const MAX_FILES = 1_000_000;

/** The option `max_files`. */
export const maxFiles = () =>
  z
    .int()
    .min(1)
    .default(MAX_FILES)
    .describe('as a source: a listing with more files and folders is an error, and is not read further');

/** Names that are remembered, so that each is logged once although listings are repeated. */
const MAX_REPORTED = 100;

/** Logs what a source cannot list, each entry once. */
export class GapReporter {
  readonly #logger: Pick<Logger, 'log'>;
  readonly #reported = new Set<string>();

  constructor(logger: Pick<Logger, 'log'>) {
    this.#logger = logger;
  }

  report(what: string): void {
    if (this.#reported.has(what) || this.#reported.size >= MAX_REPORTED) return;
    this.#reported.add(what);
    this.#logger.log('warn', what);
  }
}

/**
 * What one listing could not show: entries that cannot be read, folders that may not be entered. All others are listed; the listing
 * ends with an error, so that no file counts as gone.
 */
export class ListingGaps {
  readonly #reporter: GapReporter;
  #first: string | undefined;
  #count = 0;

  constructor(reporter: GapReporter) {
    this.#reporter = reporter;
  }

  /** @param what a sentence: the entry, why it is not listed, and what to do */
  add(what: string): void {
    this.#first ??= what;
    this.#count++;
    this.#reporter.report(what);
  }

  /** @param make makes the error, of kind `denied`: what was listed is complete but for the gaps */
  throwIfAny(make: (message: string) => FileSyncError): void {
    if (this.#first === undefined) return;
    const more = this.#count === 1 ? '' : ` (and ${this.#count - 1} more)`;
    throw make(`${this.#first}${more}`);
  }
}

/** Counts the files of a listing. Throws `protocol` for the first one beyond the limit. */
export class FileLimit {
  readonly #max: number;
  readonly #details: ErrorDetails;
  #count = 0;

  constructor(max: number, details: ErrorDetails) {
    this.#max = max;
    this.#details = details;
  }

  add(): void {
    if (++this.#count <= this.#max) return;
    const message = `the listing has more than ${this.#max} files: raise max_files, or choose a smaller folder`;
    throw new FileSyncError('protocol', message, this.#details);
  }
}
