import type * as z from 'zod';
import type { SecretRef } from './options.js';
import type { Clock, LinkMeasure, Logger, Source, Target } from '../ports.js';

/** The services that a device uses, besides its own options. */
export interface DeviceContext {
  /** Its name in the configuration; goes into every FileSyncError. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
  /** For devices that measure their requests: called at most once a second for each transfer. */
  measured?(measure: LinkMeasure): void;
  /** The secret's value; throws `config` with the remedy if the variable or file is missing. Never log it. */
  secret(ref: SecretRef): string;
  /** The program's environment: names of proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The name of this vehicle, safe as a part of a path: `{vehicle}` in options. */
  readonly vehicle: string;
  /** Absolute path of the local storage: a source that contains it would list local copies. */
  readonly local: string;
  /** Makes a path absolute; relative paths start at the configuration file's folder. */
  resolvePath(path: string): string;
}

/** Minutes since midnight, local time; a range that ends before it begins goes over midnight. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** When a device may be used, and how much, because of the network that it is reached through. */
export interface LinkLimits {
  /** Where it is reached; needed for `over` and `unmetered`. */
  readonly url?: URL | undefined;
  /** Bytes a second, of all transfers together. */
  readonly maxRate?: number | undefined;
  /** Network interfaces. */
  readonly over?: readonly string[] | undefined;
  readonly unmetered: boolean;
  /** ms within which a target is contacted first, at a random moment. Absent: at once. */
  readonly spread?: number | undefined;
  /** Its state is observed even while it may not be used: a vehicle reports whether it is armed. */
  readonly watched?: boolean;
  readonly hours?: { readonly text: string; readonly ranges: readonly TimeRange[] } | undefined;
}

/**
 * One kind of device: its options (validation, help and docs come from this table) and how to make its ends.
 * The modules of the ends are loaded when the ends are made, so that commands that only read the configuration start quickly.
 * Making an end does no input or output: a device that is offline must not keep the program from starting.
 * `guard.ts` adds the limits of `connections` and `lock` to both ends, from their capabilities.
 */
export interface DeviceType<Options = unknown> {
  readonly type: string;
  /** One line for the docs. */
  readonly summary: string;
  readonly options: z.ZodType<Options> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  /** Whether its sources can report free space (`Source.space`); absent: known only at run time. */
  readonly tellsSpace?: boolean;
  /** Only one process at a time may use such a device: it has a port, or a session on the vehicle. */
  readonly exclusive?: true;
  /** It is an autopilot, and says what it is called (`Availability.uid`). */
  readonly autopilot?: true;
  /** The address of a target whose uploads are public. */
  publicPage?(options: Options): string | undefined;
  /** Keys that other types have and this one cannot have, each with what to do in its place. */
  readonly lacks?: Readonly<Record<string, string>>;
  /** The same device without the part of its place that is each vehicle's own: there vehicles find each other. */
  shared?(options: Options): unknown;
  /** As a source, the same device with a folder of its root as root: a fleet's objects are listed without all other files. */
  below?(options: Options, folder: string): unknown;
  /** Of devices that are reached through a network. */
  link?(options: Options): LinkLimits;
  source?(options: Options, context: DeviceContext): Source | Promise<Source>;
  target?(options: Options, context: DeviceContext): Target | Promise<Target>;
}

/** Checks the constructors against the options' type, and erases that, so that the registry can hold every kind. */
export function defineDevice<Options>(device: DeviceType<Options>): DeviceType {
  return device;
}
