/** What befalls everything between a device and its server, until it is lifted. */
export type LinkTrouble =
  /** Nobody listens there. */
  | 'refused'
  /** Connections are reset as soon as they are used. */
  | 'reset'
  /** Connections are accepted, and no byte passes. */
  | 'stall'
  /** Connections that were in use go silent, without a word; new ones work. */
  | 'half-open'
  /** One byte a second passes (one packet where there are packets). */
  | 'dripping'
  /** The first connection that carries a tenth of the file is cut there, the next one at two tenths, and so on. */
  | 'cut at each tenth'
  /** Somebody else answers, as in a captive network. */
  | 'wrong answer'
  /** The server ends in the middle of a transfer, and is offline for a while. */
  | 'restart mid-transfer'
  /** The password is another one. */
  | 'credentials changed';

export interface Link {
  /** How often the trouble has struck. */
  readonly struck: number;
  begin(trouble: LinkTrouble): Promise<void>;
  lift(): Promise<void>;
}

/** Bytes of the file that each trial sends. */
export const SIZE = 300_000;
/** Bytes after which a transfer is under way. */
export const UNDER_WAY_BYTES = 60_000;
