import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FileSyncError, toFileSyncError, type ErrorKind } from '../../src/errors.js';
import type { ByteStream, Checksum, ChecksumAlgorithm, SourceFile, Source } from '../../src/ports.js';
import { createHash } from 'node:crypto';

/** `size` bytes that look random and are the same for the same seed. */
export function sample(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed * 2654435761 + 1;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Everything that a stream gives, as one buffer. */
export async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Passes if the work fails with a FileSyncError of one of the kinds; gives the error. */
export async function failsWith(work: () => Promise<unknown>, ...kinds: ErrorKind[]): Promise<FileSyncError> {
  const outcome = await work().then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) assert.fail(`succeeded, but should fail with ${kinds.join(' or ')}`);
  const { error } = outcome;
  if (!(error instanceof FileSyncError)) throw error;
  if (kinds.length > 0 && !kinds.includes(error.kind)) {
    assert.fail(`failed with ${error.kind} (${error.message}), not ${kinds.join(' or ')}`);
  }
  assert.notEqual(error.message, '');
  return error;
}

/** Below mocha's own limit, so that a vain wait ends with the test. */
const PATIENCE_MS = 25_000;

/** Waits until the condition holds; fails if it never does. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) assert.fail(`waited in vain for ${condition.toString()}`);
    await delay(5);
  }
}

/** File descriptors that this process has open. */
export async function openHandles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

const ROUNDS = 4;

/**
 * Fails if each round leaves a handle open, or leaves it to the garbage collector to close it. What the first round
 * opens for good (a connection that is kept, a library's own needs) is no leak.
 */
export async function leavesNoHandles(round: (index: number) => Promise<void>): Promise<void> {
  const collected: string[] = [];
  const note = ({ message }: Error) => message.includes('garbage collection') && collected.push(message);
  process.on('warning', note);
  try {
    await round(0);
    const before = await openHandles();
    for (let index = 1; index <= ROUNDS; index++) await round(index);
    await eventually(async () => (await openHandles()) < before + ROUNDS);
    assert.deepEqual(collected, []);
  } finally {
    process.off('warning', note);
  }
}

/** The listing as an array, in the order of the paths. */
export async function listed(source: Source, signal = new AbortController().signal): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const file of source.list(signal)) files.push(file);
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** A second, naive implementation of every checksum, against which the devices' answers are held. */
export function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Checksum {
  const value =
    algorithm === 'crc32-mavlink' ? crc32Mavlink(bytes) : createHash(algorithm).update(bytes).digest('hex');
  return { algorithm, value };
}

function crc32Mavlink(bytes: Uint8Array): string {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc >>> 0).toString(16).padStart(8, '0');
}

/** A rule of a suite that one device cannot keep by its nature, with the reason. */
export type Deviations<Title extends string> = Readonly<Partial<Record<Title, string>>>;

/** Registers a table of cases as tests, each with a bench of its own; those that deviate are left out. */
export function defineSuite<Bench extends { close(): Promise<void> }, Title extends string>(
  name: string,
  cases: Readonly<Record<Title, (bench: Bench) => Promise<void>>>,
  setup: () => Promise<Bench>,
  deviations: Deviations<Title>,
): Mocha.Suite {
  return describe(name, () => {
    for (const title of Object.keys(cases) as Title[]) {
      if (deviations[title] === undefined) it(title, () => withBench(setup, cases[title]));
    }
  });
}

async function withBench<Bench extends { close(): Promise<void> }>(
  setup: () => Promise<Bench>,
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  const bench = await setup();
  try {
    await run(bench);
  } finally {
    await bench.close();
  }
}

/** The files that a source lists, and the error with which the listing ends. */
export async function listedWithError(
  source: Source,
): Promise<{ readonly files: readonly SourceFile[]; readonly error: FileSyncError | undefined }> {
  const files: SourceFile[] = [];
  try {
    for await (const file of source.list(new AbortController().signal)) files.push(file);
    return { files, error: undefined };
  } catch (error) {
    return { files, error: toFileSyncError(error) };
  }
}
