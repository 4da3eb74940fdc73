import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a parser may need for a megabyte, CPU ms. */
export const MS_PER_MEGABYTE = 50;
/** Of the first calls of a function, which is not compiled yet, CPU ms. */
const BASE_MS = 100;
/** How much slower than the target a machine may be, with all that its other threads do at the same time (GC, compiler). */
const SLOWNESS = 8;
const MEGABYTE = 1024 * 1024;
/** Bytes of memory that any call may need, and those for each byte of its input; both count garbage that is not collected yet. */
const BASE_BYTES = 64 * MEGABYTE;
const BYTES_PER_BYTE = 150;
/** A call counts as too expensive only if it is so each time. */
const ATTEMPTS = 3;

/** What a parser needs where that is more than usual. */
export interface ParserCosts {
  /** CPU ms that a call needs however short its input is, such as for a request over a socket. */
  readonly baseMs?: number | undefined;
  /** CPU ms for a megabyte. */
  readonly msPerMegabyte?: number | undefined;
  /** Bytes of memory for each byte. */
  readonly bytesPerByte?: number | undefined;
}

export interface Budget {
  /** CPU ms. */
  readonly ms: number;
  readonly bytes: number;
}

/** @param size bytes of the input */
export function budgetFor(
  size: number,
  { baseMs = 0, msPerMegabyte = MS_PER_MEGABYTE, bytesPerByte = BYTES_PER_BYTE }: ParserCosts = {},
): Budget {
  return {
    ms: SLOWNESS * ((msPerMegabyte * size) / MEGABYTE) + BASE_MS + baseMs,
    bytes: BASE_BYTES + bytesPerByte * size,
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the call settled with. Fails if it needs more CPU time or memory than its budget allows, in each attempt. */
export async function within<Result>(budget: Budget, call: () => Result | Promise<Result>): Promise<Result> {
  let cheapest = { ms: Infinity, bytes: Infinity };
  for (let attempt = 1; ; attempt++) {
    if (attempt > 1) collectGarbage();
    const before = memory();
    const cpu = process.cpuUsage();
    const result = await call();
    const { user, system } = process.cpuUsage(cpu);
    const used = { ms: (user + system) / 1000, bytes: memory() - before };
    cheapest = { ms: Math.min(used.ms, cheapest.ms), bytes: Math.min(used.bytes, cheapest.bytes) };
    if (cheapest.ms <= budget.ms && cheapest.bytes <= budget.bytes) return result;
    assert.ok(attempt < ATTEMPTS, `${figures(cheapest)} where ${figures(budget)} are allowed`);
  }
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const figures = ({ ms, bytes }: Budget): string =>
  `${Math.round(ms)} ms of CPU time and ${(bytes / MEGABYTE).toFixed(1)} MB of memory`;
