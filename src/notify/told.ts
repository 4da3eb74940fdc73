import * as z from 'zod';

// What one entry of `notify` has told, as the database keeps it: just enough for a restart to repeat nothing. What happened is in
// the records themselves; here are only the times up to which it was told. Times are ms since the Unix epoch.

/** Their name among the sources in the database: no device can have it. */
export const NOTIFICATIONS = 'notify:';

const moment = z.object({ at: z.number(), boot: z.string(), up: z.number(), synced: z.boolean() });

const told = z.object({
  /** When it was first used: what was delivered before is not told. */
  since: z.number(),
  /** Files that were FAILED, for as long as `after` wants, at that time. */
  failed: z.number().optional(),
  /** By source: files that were delivered by then. */
  flights: z.record(z.string(), z.number()).default({}),
  /** Everything was delivered then. */
  idle: z.number().optional(),
  /** Devices that are offline. */
  offline: z.record(z.string(), z.object({ since: moment, told: z.boolean() })).default({}),
  /** Since when space is short. */
  space: z.object({ since: moment, told: z.boolean() }).optional(),
});
export type Told = z.output<typeof told>;

/** Of an entry that is new at that time. */
export const nothingTold = (now: number): Told => ({ since: now, flights: {}, offline: {} });

/** Why messages of an entry do not arrive. */
const problem = z.object({
  /** The entry, and its receiver without secrets. */
  to: z.string(),
  reason: z.string(),
  since: z.number(),
});
export type Problem = z.output<typeof problem>;

/** All entries, by a hash of what they tell to whom. */
const memory = z.record(z.string(), z.object({ told, problem: problem.optional() }));
export type Memory = z.output<typeof memory>;

/** Of the `told` in the database. What cannot be read is as if nothing had been told yet. */
export function parseMemory(text: string | undefined): Memory {
  try {
    return memory.parse(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}

/** What does not arrive, of all entries. */
export const problemsIn = (text: string | undefined): Problem[] =>
  Object.values(parseMemory(text)).flatMap(({ problem: one }) => one ?? []);
