import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { budgetFor, within } from './budget.js';
import { inputsOf } from './inputs.js';
import { beat, endWatch, watchNow } from './watchdog.js';
import { checkError, mentions, weightOf, type Parser, type Worst } from './parser.js';

const { env } = process;
/** ms for which inputs are generated, for all parsers together. The worst cases need a quarter of a minute more. */
const TOTAL_MS = Number(env.FILESYNC_FUZZ_MS ?? 45_000);
/** The same inputs each time where nothing else is asked for: a change alone decides whether the short form passes. */
const SEED = Number(
  env.FILESYNC_FUZZ_SEED ?? (env.FILESYNC_FUZZ_MS === undefined ? 705_611_610 : Date.now() | 0),
);
const { FILESYNC_FUZZ_PATH: PATH } = env;

const CORPUS = new URL('corpus/', import.meta.url);
const FAILURES = new URL('../../build/fuzz/', import.meta.url);
const MEGABYTE = 1024 * 1024;
/** More than there is time for. */
const MANY = 1_000_000_000;
/** Bytes of a result that its input does not account for. */
const BASE_WEIGHT = 64 * 1024;
const MAX_GROWTH = 64;

/** Three tests for each parser: failures of the past, worst cases, and generated inputs for its share of the time. */
export function fuzz(parsers: readonly Parser[]): void {
  console.log(`\n    fuzzing for ${TOTAL_MS} ms: FILESYNC_FUZZ_SEED=${SEED} repeats it`);
  const share = TOTAL_MS / parsers.length;
  before(watchNow);
  after(endWatch);
  for (const parser of parsers) {
    describe(parser.name, () => {
      const known = corpusOf(parser);
      for (const [file, input] of known) patient(`corpus: ${file}`, () => check(parser, input));
      for (const worst of parser.worst ?? []) {
        patient(`worst case: ${shown(worst)}`, () =>
          check(parser, worstInput(worst, parser.maxBytes ?? MEGABYTE)),
        );
      }
      patient('generated and mutated input', () => generate(parser, known, share));
    });
  }
}

/** A test whose limit is its budget of CPU time, however loaded the machine is. */
function patient(title: string, work: () => Promise<void>): void {
  it(title, async function () {
    this.timeout(0);
    beat();
    await work();
  });
}

const bytesOf = (input: string | Uint8Array): Buffer => Buffer.from(input);

/** Parses the input within its budget. */
async function check(parser: Parser, input: Buffer): Promise<void> {
  beat();
  const budget = budgetFor(input.length, parser);
  const outcome = await within(budget, () => outcomeOf(parser, input));
  if (outcome instanceof Error) checkError(outcome);
  const limit = BASE_WEIGHT + (parser.maxGrowth ?? MAX_GROWTH) * input.length;
  const weight = outcome instanceof Error ? outcome.message.length : weightOf(outcome);
  assert.ok(weight <= limit, `${input.length} bytes became ${weight}`);
  for (const secret of parser.secrets ?? []) assert.ok(!mentions(outcome, secret), 'a secret is shown');
  // A promise that nobody waits for is reported before the next turn.
  await nextTurn();
}

async function outcomeOf(parser: Parser, input: Buffer): Promise<unknown> {
  try {
    return await parser.parse(input);
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(`thrown: ${String(thrown)}`);
  }
}

async function generate(parser: Parser, known: ReadonlyMap<string, Buffer>, share: number): Promise<void> {
  const inputs = inputsOf({
    seeds: [...parser.seeds.map(bytesOf), ...known.values()],
    generated: parser.generated?.map(bytesOf),
    words: [...(parser.words ?? []), ...(parser.secrets ?? [])].map(bytesOf),
    maxBytes: parser.maxBytes ?? MEGABYTE,
  });
  const details = await fc.check(
    fc.asyncProperty(inputs, input => check(parser, input)),
    {
      ...{ seed: SEED, numRuns: MANY },
      ...(PATH === undefined
        ? { interruptAfterTimeLimit: share, markInterruptAsFailure: false }
        : { path: PATH, endOnFailure: true }),
    },
  );
  console.log(`      ${details.numRuns} inputs`);
  if (!details.failed) return assert.ok(details.numRuns > 0);
  const [input = Buffer.alloc(0)] = details.counterexample ?? [];
  const { errorInstance: error } = details;
  throw new Error(failureMessage(parser, input, details.counterexamplePath, error), { cause: error });
}

/** The input is kept as a file, which may be moved to the corpus. */
function failureMessage(parser: Parser, input: Buffer, path: string | null, error: unknown): string {
  const folder = new URL(`${parser.name}/`, FAILURES);
  mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL(createHash('sha256').update(input).digest('hex').slice(0, 16), folder));
  writeFileSync(file, input);
  const repeat = `FILESYNC_FUZZ_SEED=${SEED} FILESYNC_FUZZ_PATH=${path ?? ''} npx mocha -g '${parser.name}' test/fuzz/*.test.ts`;
  const why = error instanceof Error ? error.message : String(error);
  const text = JSON.stringify(input.subarray(0, 500).toString('latin1'));
  return `${why}\n${input.length} bytes, kept as ${file}: ${text}\nrepeat it: ${repeat}`;
}

function corpusOf({ name }: Parser): ReadonlyMap<string, Buffer> {
  const folder = new URL(`${name}/`, CORPUS);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  return new Map(files.map(file => [file, readFileSync(new URL(file, folder))]));
}

function worstInput(worst: Worst, size: number): Buffer {
  const [start, unit, end] = piecesOf(worst);
  const middle = Buffer.alloc(Math.max(0, size - start.length - end.length), unit);
  return Buffer.concat([start, middle, end]);
}

function shown(worst: Worst): string {
  const [before, unit, after] = piecesOf(worst).map(piece => piece.toString('latin1', 0, 40));
  return JSON.stringify(`${before}(${unit})…${after}`);
}

function piecesOf(worst: Worst): [Buffer, Buffer, Buffer] {
  const { before = '', unit, after = '' } = typeof worst === 'string' ? { unit: worst } : worst;
  return [bytesOf(before), bytesOf(unit), bytesOf(after)];
}
