import assert from 'node:assert/strict';

const SMALL = 128 * 1024;
const FACTOR = 8;
/** A linear parser takes FACTOR times as long for the larger input, a quadratic one FACTOR² = 64 times. */
const MAX_RATIO = 24;
/** Below this the ratio is that of noise. */
const MIN_MEASURED_MS = 30;

/** The work must not take much more CPU per byte on 1 MB than on 128 kB. `input` returns the worst case of that length. */
export async function assertLinear<Input>(
  input: (length: number) => Input,
  work: (input: Input) => unknown,
): Promise<void> {
  const [small, large] = [input(SMALL), input(SMALL * FACTOR)];
  await cpuOf(work, small);
  const [least, most] = [await leastCpuOf(work, small), await leastCpuOf(work, large)];
  assert.ok(
    most <= Math.max(MIN_MEASURED_MS, least * MAX_RATIO),
    `${most} ms of CPU for 1 MB, ${least} ms for 128 kB`,
  );
}

async function leastCpuOf<Input>(work: (input: Input) => unknown, input: Input): Promise<number> {
  return Math.min(await cpuOf(work, input), await cpuOf(work, input));
}

/** ms of this process's CPU. */
async function cpuOf<Input>(work: (input: Input) => unknown, input: Input): Promise<number> {
  const before = process.cpuUsage();
  await work(input);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
