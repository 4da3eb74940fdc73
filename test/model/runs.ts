import fc, { type Parameters, type RunDetails } from 'fast-check';

const { env } = process;
/** More than there is time for. */
const MANY = 1_000_000;

/**
 * `FILESYNC_MODEL_SEED` and `FILESYNC_MODEL_PATH` repeat a failure, `FILESYNC_MODEL_RUNS` says how many runs are made;
 * otherwise there are as many as `limitMs` allows.
 */
export function runsFor<Values>(limitMs: number): {
  readonly limit: number | undefined;
  readonly parameters: Parameters<Values>;
} {
  const { FILESYNC_MODEL_SEED: seed, FILESYNC_MODEL_PATH: path, FILESYNC_MODEL_RUNS: runs } = env;
  const limit = runs === undefined && path === undefined ? limitMs : undefined;
  const parameters: Parameters<Values> = {
    ...{ numRuns: Number(runs ?? MANY), seed: Number(seed ?? Date.now() | 0) },
    ...(path !== undefined && { path }),
    ...(env.FILESYNC_MODEL_QUICK !== undefined && { endOnFailure: true }),
    ...(limit !== undefined && { interruptAfterTimeLimit: limit, markInterruptAsFailure: false }),
  };
  return { limit, parameters };
}

/** Prints how many runs were made of which seed; throws if one failed. */
export function report<Values>(details: RunDetails<Values>): void {
  const repeat = `FILESYNC_MODEL_SEED=${details.seed} FILESYNC_MODEL_PATH=${details.counterexamplePath ?? ''}`;
  console.log(`      seed ${details.seed}, ${details.numRuns} runs`);
  if (!details.failed) return;
  const { errorInstance: error } = details;
  const why = error instanceof Error ? error.message : String(error);
  throw new Error(`${repeat}\n${fc.stringify(details.counterexample)}\n${why}`, { cause: error });
}
