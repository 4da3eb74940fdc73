import type { Space } from '../ports.js';

/** One flight, as `filesync flights` divides files into them. */
export interface FlightTime {
  /** RFC 3339; null where no file has a time. */
  readonly started_at: string | null;
  readonly duration_seconds: number | null;
  /** As its logs name it; empty if they do not. */
  readonly vehicle: string;
}

/** The files of one source that have arrived since the last message on it, once all that was under way there has. */
export interface Arrival {
  readonly device: string;
  readonly files: number;
  readonly bytes: number;
  /** Those of its source that are FAILED then. */
  readonly failed: number;
  /** The flights that its files belong to, oldest first. */
  readonly flights: readonly FlightTime[];
  /** Where the first of its files can be found. */
  readonly links: readonly string[];
  /** When its last file was delivered, ms since the Unix epoch. */
  readonly delivered_at: number;
}

/** Something that people are told of. Programs get it as it is: names are those of the API. */
export type NoticeEvent =
  | ({ readonly kind: 'flight' } & Arrival)
  | {
      readonly kind: 'failed';
      /** Their source. */
      readonly device: string;
      readonly files: number;
      readonly bytes: number;
      /** The first of them. */
      readonly paths: readonly string[];
      /** The different ones of these. */
      readonly reasons: readonly string[];
    }
  | {
      readonly kind: 'offline';
      readonly device: string;
      readonly reason: string;
      /** How long it has been offline. */
      readonly seconds: number;
    }
  | { readonly kind: 'online'; readonly device: string; readonly reason: string }
  /** `free`: bytes above `min_free`. */
  | ({ readonly kind: 'space' } & Space)
  | { readonly kind: 'idle'; readonly files: number; readonly bytes: number }
  | { readonly kind: 'test' };
