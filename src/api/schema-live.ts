import * as z from 'zod';

// What only a running daemon knows beside its status: figures of links, its log, and the signals in a local copy. Times are
// RFC 3339, UTC, with milliseconds.

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

/** How well a device is reached; each figure is null where it is not measured. */
export const linkFigures = z.object({
  /** Bytes of files in both directions. */
  bytes_per_second: z.number().nonnegative().nullable(),
  /** Share of the requests that were lost: 0 to 1. */
  loss: z.number().min(0).max(1).nullable(),
  /** From a request to its answer, or of connecting. */
  rtt_ms: z.number().nonnegative().nullable(),
});

/** Between two samples of a link. */
export const LINK_SAMPLE_SECONDS = 10;
/** One hour of samples. */
export const MAX_LINK_SAMPLES = 360;
export const MAX_LINK_LISTINGS = 20;

export const linkSample = linkFigures.extend({ at: time });

/** One scan of a source. Scans in a row that have shown the same files, and nothing new, are the last one of them. */
export const listing = z.object({
  /** When it ended. */
  at: time,
  /** Files that the source named and that rules take. */
  files: count,
  /** Files of these that were recorded for the first time. */
  new_files: count,
  /** Whether the whole source was listed; false if only what has changed, or if a part could not be listed. */
  complete: z.boolean(),
  seconds: z.number().nonnegative(),
});

/** The answer to `GET /devices/{name}/link`, oldest first. Samples are kept for an hour, and only while something is measured. */
export const link = z.object({
  device: z.string(),
  samples: z.array(linkSample).max(MAX_LINK_SAMPLES),
  listings: z.array(listing).max(MAX_LINK_LISTINGS),
});

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export const MAX_LOG_ENTRIES = 1000;

/** One line of the log. */
export const logEntry = z.object({
  /** Counts the lines since the start of the program. */
  n: z.int().positive(),
  at: time,
  level: z.enum(LOG_LEVELS),
  /** The part of the program and its message, without control characters. */
  text: z.string(),
});

/** All texts, as in the query of a URL. */
export const logQuery = z.strictObject({
  /** The lowest level. */
  level: z.enum(LOG_LEVELS).optional(),
  /** A part of the text, in upper or lower case. */
  text: z.string().max(1000).optional(),
  /** The newest so many. */
  limit: z.coerce.number().int().positive().optional(),
});

/** The answer to `GET /log`, oldest first. */
export const logPage = z.object({ entries: z.array(logEntry).max(MAX_LOG_ENTRIES) });

export const SIGNAL_UNITS = { altitude: 'm', speed: 'm/s', battery: '%' } as const;
export const MAX_SIGNAL_POINTS = 1000;

/** One signal of a flight. */
export const signal = z.object({
  name: z.enum(['altitude', 'speed', 'battery']),
  unit: z.enum(Object.values(SIGNAL_UNITS)),
  /** Seconds since the beginning of the log, and the value: of each of 500 spans its least and its greatest. */
  points: z.array(z.tuple([z.number(), z.number()])).max(MAX_SIGNAL_POINTS),
});

/** The answer to `GET /files/{id}/signals`. */
export const signals = z.object({
  signals: z.array(signal),
  /** Why there are none, or why they are not complete; empty otherwise. */
  note: z.string(),
});

export type LinkFigures = z.output<typeof linkFigures>;
export type LinkSample = z.output<typeof linkSample>;
export type Listing = z.output<typeof listing>;
export type Link = z.output<typeof link>;
export type LogEntry = z.output<typeof logEntry>;
export type LogQuery = Partial<z.output<typeof logQuery>>;
export type LogPage = z.output<typeof logPage>;
export type Signal = z.output<typeof signal>;
export type SignalsView = z.output<typeof signals>;
