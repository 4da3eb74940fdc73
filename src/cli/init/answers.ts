/** A device of the new configuration. */
export interface DeviceAnswer {
  readonly name: string;
  /** For a person who reads the file: one line. */
  readonly comment: string;
  /** With `type`, as in the file. */
  readonly options: Readonly<Record<string, unknown>> & { readonly type: string };
}

export interface SourceAnswer extends DeviceAnswer {
  /** Patterns of the files that are wanted; none: all. */
  readonly include: readonly string[];
}

/** All that the new configuration is made of. Secrets are in it by reference only. */
export interface Answers {
  /** Folder of the files on their way; undefined: the default. */
  readonly local?: string;
  readonly database?: string;
  readonly sources: readonly SourceAnswer[];
  readonly target: DeviceAnswer;
  /** `new`: files that are on a source at the first start stay where they are. */
  readonly begin: 'all' | 'new';
}

/** Where a firmware writes its logs, and what they are called. */
export interface Logs {
  readonly root: string;
  readonly include: readonly string[];
}

export const PX4_LOGS: Logs = { root: '/fs/microsd/log', include: ['**/*.ulg'] };
export const ARDUPILOT_LOGS: Logs = { root: '/APM/LOGS', include: ['**/*.{bin,BIN}'] };
