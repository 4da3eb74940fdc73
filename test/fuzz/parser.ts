import assert from 'node:assert/strict';
import type { ParserCosts } from './budget.js';
import type fc from 'fast-check';
import { FileSyncError } from '../../src/errors.js';

/** Something that reads bytes of others. */
export interface Parser extends ParserCosts {
  /** Also the name of its folder in `corpus`. */
  readonly name: string;
  /** Valid inputs, which are mutated. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Inputs that are made by the rules of the format, hostile values included. */
  readonly generated?: fc.Arbitrary<string | Uint8Array>;
  /** Pieces that mutations insert, besides those of `WORDS`. */
  readonly words?: readonly string[];
  /** Each is repeated up to a megabyte, between a beginning and an end: where matching goes back, it goes back far. */
  readonly worst?: readonly Worst[];
  /** Texts that neither a result nor an error may contain. */
  readonly secrets?: readonly string[];
  /** Bytes of the longest input; default a megabyte. What reads more than one packet or line gets that many bytes in all. */
  readonly maxBytes?: number;
  /** Bytes of the result for each byte of the input. */
  readonly maxGrowth?: number;
  /** Parses the input and checks the result. May throw a FileSyncError, and nothing else. */
  parse(input: Buffer): unknown;
}

export type Worst =
  | string
  | {
      readonly before?: string | Uint8Array;
      readonly unit: string | Uint8Array;
      readonly after?: string | Uint8Array;
    };

/** Kinds of errors that say that the input is bad, or that something outside is; `internal` is a defect. */
export function checkError(thrown: unknown): asserts thrown is FileSyncError {
  if (!(thrown instanceof FileSyncError)) throw thrown;
  assert.notEqual(thrown.kind, 'internal', thrown.message);
  assert.ok(thrown.message.length <= MAX_MESSAGE_LENGTH, `a message of ${thrown.message.length} characters`);
}

const MAX_MESSAGE_LENGTH = 64 * 1024;

/** A number of bytes. */
export function checkSize(size: unknown): void {
  assert.ok(Number.isSafeInteger(size) && Number(size) >= 0, `a size of ${String(size)}`);
}

/** One part of a path. */
export function checkName(name: string): void {
  assert.ok(
    name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name),
    `the name ${JSON.stringify(name)}`,
  );
}

/** A path below some root. */
export function checkPath(path: string): void {
  path.split('/').forEach(checkName);
}

/** Characters and bytes in a value, all that it refers to included. */
export function weightOf(value: unknown, seen = new Set<object>()): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (seen.has(value)) return 0;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return value.byteLength;
  let weight = 8;
  for (const part of partsOf(value)) weight += weightOf(part, seen);
  return weight;
}

/** Whether any text in a value contains that text. */
export function mentions(value: unknown, text: string, seen = new Set<object>()): boolean {
  if (typeof value === 'string') return value.includes(text);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value))
    return false;
  seen.add(value);
  const own = value instanceof Error ? [value.message, value.cause] : [];
  return [...own, ...partsOf(value)].some(part => mentions(part, text, seen));
}

function partsOf(value: object): unknown[] {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].flat();
  return value instanceof Set ? [...(value as Set<unknown>)] : Object.entries(value).flat();
}
