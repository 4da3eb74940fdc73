/** When a local copy may go; nothing undelivered ever goes. */
export type Retention =
  | { readonly kind: 'keep' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'age'; readonly ms: number }
  | { readonly kind: 'size'; readonly bytes: number };

/** What may be done while the source's vehicle is armed. */
export type WhileArmed = 'upload-only' | 'pause' | 'continue';

/** From where, to where, and what to do (a rule of the configuration, defaults filled in). */
export interface Rule {
  readonly from: string;
  readonly to: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** ms for which a file must not have changed before it is taken. */
  readonly settle: number;
  /** Template. */
  readonly description: string;
  /** Template of the name on the target. */
  readonly path: string;
  readonly whileArmed: WhileArmed;
  readonly via: 'local' | 'stream';
  readonly after: { readonly source: 'keep' | 'delete'; readonly local: Retention };
}
