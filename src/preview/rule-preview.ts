import type { Suggestion } from './patterns.js';

/** A number of files, and their bytes. */
export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/** What one rule would do now. */
export interface RulePreview {
  /** Its number in the configuration, from 1. */
  readonly rule: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Where the files were listed; without a listing, why not. */
  readonly listed: 'source' | 'records' | 'not';
  readonly incomplete?: string;
  /** Files on the source. */
  readonly seen: Amount;
  /** Of these, the files that `include` and `exclude` take. */
  readonly matching: Amount;
  /** Files that `include` takes and `exclude` leaves out. */
  readonly excluded: number;
  /** Of the matching files, those whose bytes are not wanted, by the key of the rule that says so: `begin: new`. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Every target of the rule has them. */
  readonly delivered: Amount;
  /** FAILED: `filesync retry` brings them back. */
  readonly failed: Amount;
  /** Files that would be fetched or delivered, with those that are gone from the source and wait in local storage. */
  readonly wanted: Amount;
  readonly destinations: readonly Destination[];
  /** Nothing is known of the source yet: its files would all be sent now. */
  readonly firstContact: boolean;
  /** Only of a rule with `together`. */
  readonly incompleteUnits?: IncompleteUnits;
  /** Patterns that would take files, where those of `include` take none. */
  readonly suggestions: readonly Suggestion[];
  /** What a person should know before the rule is applied: a sentence each. */
  readonly notes: readonly string[];
}

/** Bags, folders or pairs that are fetched and not sent yet. */
export interface IncompleteUnits {
  readonly units: number;
  readonly kind: 'bag' | 'folder' | 'pair';
  /** Wanted files in them. */
  readonly files: number;
  /** The path that one of them lacks; empty if none does. */
  readonly example: string;
}

export interface Destination extends Amount {
  readonly device: string;
  /** The path there of the first of the files; absent without files. */
  readonly example?: string;
}
