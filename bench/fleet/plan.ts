import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** What the vehicles are and where they deliver; the processes of the bench hand it on as JSON. */
export interface FleetPlan {
  /** Holds `logs/VEHICLE/` and `homes/VEHICLE/`. */
  readonly folder: string;
  readonly vehicles: number;
  /** Of each vehicle. */
  readonly logs: number;
  /** Bytes of a log on average. */
  readonly bytes: number;
  /** How many times faster time passes for the engines: pauses, intervals and the spread of starts. */
  readonly factor: number;
  /** The target in the configuration of every vehicle. */
  readonly device: Readonly<Record<string, unknown>>;
}

export interface Share {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** What a process of vehicles reports, several times a second. */
export interface Report {
  /** Files that are delivered, those of earlier lives of the process included. */
  readonly delivered: number;
  /** HTTP requests of this life. */
  readonly requests: number;
  /** Bytes of the process: before its vehicles were made, and now. */
  readonly baseline: number;
  readonly rss: number;
  /** For what its first unfinished file waits. */
  readonly waits: string;
}

export const nameOf = (vehicle: number): string => `v${String(vehicle).padStart(5, '0')}`;
export const logsOf = ({ folder }: FleetPlan, vehicle: number): string =>
  join(folder, 'logs', nameOf(vehicle));
export const homeOf = ({ folder }: FleetPlan, vehicle: number): string =>
  join(folder, 'homes', nameOf(vehicle));

/** The same bytes for the same log, and other ones for each log: up to twice the average. */
export function logOf({ bytes, logs }: FleetPlan, vehicle: number, log: number): Buffer {
  const seed = createHash('sha512')
    .update(`${vehicle * logs + log}`)
    .digest();
  return Buffer.alloc(1 + (seed.readUInt32BE(0) % (2 * bytes)), seed);
}

export const logName = (log: number): string => `log_${String(log).padStart(3, '0')}.ulg`;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
