import * as z from 'zod';

// The status that a vehicle keeps on the store of its fleet (docs/FLEET.md), and what is told of all of them. Objects come from a
// place that others can write to: every text and every list has a limit, and a text with a control character is not accepted.

/** Bytes; a larger object is not read. */
export const MAX_OBJECT_BYTES = 64 * 1024;
export const MAX_FLEET_FLIGHTS = 50;
export const MAX_FLEET_FAILURES = 20;
export const MAX_FLEET_DEVICES = 40;
export const MAX_FLEET_TEXT = 300;
/** Vehicles of one answer. */
export const MAX_VEHICLES = 10_000;

/** RFC 3339, UTC, with milliseconds. */
const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();
const bytes = z.number().nonnegative();

/** Control characters, line ends, and characters that are invisible or turn the direction of text. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

const text = (max = MAX_FLEET_TEXT) =>
  z
    .string()
    .max(max)
    .refine(value => !UNPRINTABLE.test(value), { error: 'has characters that cannot be printed' });

/** A vehicle's name as `vehicle` of its configuration allows it. */
export const VEHICLE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Files of one flight that are not delivered. */
const waitingFlight = z.object({
  /** Of the flight's first file. */
  id: text(64),
  state: z.enum(['UNDER_WAY', 'FAILED', 'INCOMPLETE']),
  /** Null where no file has a time. */
  started_at: time.nullable(),
  found_at: time,
  files: count,
  bytes,
});

const failure = z.object({
  /** The target, or the source, where it failed. */
  device: text(),
  text: text(),
  files: count,
  bytes,
});

const link = z.object({
  name: text(),
  type: text(),
  available: z.boolean(),
  armed: z.boolean(),
  /** How it is reached, or why it cannot be. */
  text: text(),
  since: time.nullable(),
  /** Null where it was not measured in the last hour. */
  bytes_per_second: z.number().nonnegative().nullable(),
  loss: z.number().min(0).max(1).nullable(),
  rtt_ms: z.number().nonnegative().nullable(),
});

/** `fleet/VEHICLE.json`. */
export const fleetObject = z.object({
  schema: z.literal(1),
  vehicle: z.string().regex(VEHICLE_NAME),
  /** Tells two computers of one name apart: sixteen hex digits. */
  instance: z.string().regex(/^[0-9a-f]{16}$/),
  /** What the autopilot is called by its maker; null while that is not known. */
  uid: text(64).nullable(),
  version: text(64),
  /** When this was written, by the vehicle's clock. */
  time,
  /** A newer one is due by then, by the same clock: a reader that sees this one later has a vehicle that is late. */
  next_by: time,
  verdict: z.object({ code: z.enum(['SAFE', 'WAIT', 'ATTENTION']), text: text() }),
  paused: z.boolean(),
  waiting: z.object({
    /** Files that are to be delivered, without those that were given up. */
    files: count,
    bytes,
    /** When the first of them was found; null if none waits. */
    oldest_at: time.nullable(),
    /** Flights with files that are not delivered, in all. */
    flights_in_all: count,
    /** The newest of these flights. */
    flights: z.array(waitingFlight).max(MAX_FLEET_FLIGHTS),
  }),
  /** What was given up or cannot work, the most files first. */
  failures: z.array(failure).max(MAX_FLEET_FAILURES),
  links: z.array(link).max(MAX_FLEET_DEVICES),
  /** Of the file system with the local copies; null where it cannot be measured. */
  disk: z.object({ free: bytes, total: bytes }).nullable(),
  /** The last one of a flight or a picture, where the configuration allows it: degrees, WGS 84. */
  position: z
    .object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
    .optional(),
});

export const FLEET_STATES = ['OK', 'LATE', 'FAILING'] as const;

/** One vehicle, as a reader sees it. */
export const fleetVehicle = fleetObject.extend({
  /** LATE: it should have reported since. FAILING: something was given up, or a person has to act. */
  state: z.enum(FLEET_STATES),
  /** When the store got the object, by the store's clock where it has one, else by the vehicle's. */
  reported_at: time,
  /** The object's name on the store. */
  object: z.string(),
});

/** The answer to `GET /fleet`. */
export const fleetPage = z.object({
  /** Whether the configuration has the key `fleet`; all else is empty without it. */
  configured: z.boolean(),
  /** The device with the objects. */
  device: z.string(),
  /** When the store was read; null if it never was. */
  read_at: time.nullable(),
  /** Why it could not be read now: what follows is what was read before. Empty otherwise. */
  problem: z.string(),
  /** By name. */
  vehicles: z.array(fleetVehicle).max(MAX_VEHICLES),
  /** Objects that were not understood, and why. */
  skipped: z.array(z.object({ object: z.string(), reason: z.string() })),
});

export type FleetObject = z.output<typeof fleetObject>;
export type FleetVehicle = z.output<typeof fleetVehicle>;
export type FleetPage = z.output<typeof fleetPage>;

/** The answer where nothing is configured. */
export const NO_FLEET: FleetPage = {
  ...{ configured: false, device: '', read_at: null, problem: '', vehicles: [], skipped: [] },
};
