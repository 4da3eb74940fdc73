import type * as z from 'zod';
import type { SecretRef } from './options.js';
import type { Clock, Logger, Source, Target } from '../ports.js';

/** What a device is given besides its own options. */
export interface DeviceContext {
  /** Its name in the configuration; goes into every FileSyncError. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The secret's value; throws `config` with the cure if the variable or file is missing. Never log it. */
  secret(ref: SecretRef): string;
  /** The program's environment: names of proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute, of the local storage: a source that holds it would find our own copies. */
  readonly local: string;
  /** An absolute path; relative ones are taken from the configuration file's folder. */
  resolvePath(path: string): string;
}

/**
 * One kind of device: its options (validation, help and docs come from this table) and how to make its ends.
 * Its ends are loaded when they are made: commands that only read the configuration do not wait for them. They do no input or
 * output then: a device that is offline must not keep the program from starting.
 * Exclusiveness (`connections`, `lock`) is put around both ends by `guard.ts`, from their capabilities.
 */
export interface DeviceType<Options = unknown> {
  readonly type: string;
  /** One line for the docs. */
  readonly summary: string;
  readonly options: z.ZodType<Options> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  /** Whether its sources can report free space (`Source.space`); absent: that shows only at work. */
  readonly tellsSpace?: boolean;
  source?(options: Options, context: DeviceContext): Source | Promise<Source>;
  target?(options: Options, context: DeviceContext): Target | Promise<Target>;
}

/** Ties the options' type to the constructors' and forgets it again, so that the registry can hold every kind. */
export function defineDevice<Options>(device: DeviceType<Options>): DeviceType {
  return device;
}
