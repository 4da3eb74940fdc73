import type { NameStyle } from '../system/portable-names.js';
import type { Together } from './together.js';

/** When a local copy may go; nothing undelivered ever goes. */
export type Retention =
  | { readonly kind: 'keep' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'age'; readonly ms: number }
  | { readonly kind: 'size'; readonly bytes: number };

/** What may be done while the source's vehicle is armed. */
export type WhileArmed = 'upload-only' | 'pause' | 'continue';

/** Which of the files that wait goes first: by the time of the last change, or by size. */
export type Order = 'newest' | 'oldest' | 'smallest';

/**
 * Which of the files that were on the source at its first scan are wanted: all, none, those that were changed at or after
 * `from` (ms since the Unix epoch), or those that were at most `ms` old when they were found.
 */
export type Begin =
  | { readonly kind: 'all' | 'new' }
  | { readonly kind: 'date'; readonly from: number }
  | { readonly kind: 'age'; readonly ms: number };

/**
 * What becomes of the source's file once every target has it. `keepFree`: the oldest files go, but only while fewer than
 * that many bytes are free on the source.
 */
export type SourceRemoval = 'keep' | 'delete' | { readonly keepFree: number };

/** From where, to where, and what to do (a rule of the configuration, defaults filled in). */
export interface Rule {
  readonly from: string;
  readonly to: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly order: Order;
  readonly begin: Begin;
  /** Bytes; a file of just this size is not wanted. */
  readonly largerThan?: number;
  /** Bytes; a file of just this size is not wanted. */
  readonly smallerThan?: number;
  /** ms; a log that says that it is shorter is not wanted. */
  readonly minDuration?: number;
  /** Absent: each file is sent on its own. */
  readonly together?: Together;
  /** `asked`: files are listed, and their bytes are fetched only when a person asks for them. */
  readonly fetch: 'all' | 'asked';
  /** ms for which a file must not have changed before it is taken. */
  readonly settle: number;
  /** Template. */
  readonly description: string;
  /** Template of the name on the target. */
  readonly path: string;
  /** Absent: as each target needs them. */
  readonly names?: NameStyle;
  readonly whileArmed: WhileArmed;
  readonly via: 'local' | 'stream';
  /** ms for which a file of which no writer can be seen must not have changed before it is removed from the source. */
  readonly deleteAfter: number;
  readonly after: { readonly source: SourceRemoval; readonly local: Retention };
}
