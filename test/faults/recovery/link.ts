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
  /** `size`: bytes of the file that is sent. */
  begin(trouble: LinkTrouble, size: number): Promise<void>;
  /** Resets the connections that there are. */
  drop(): void;
  lift(): Promise<void>;
}

/** The share of a file after which its transfer is under way. */
export const UNDER_WAY = 0.2;
