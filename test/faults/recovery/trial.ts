import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { FileState } from '../../../src/ports.js';
import { isDelivered, reasonOf, stateOf } from '../../../src/record/state.js';
import { sample } from '../../conformance/support.js';
import { SPEED } from './fast-clock.js';
import { openScene, type Scene } from './scene.js';
import { SERVER_NAME, type SubjectName } from './subjects.js';
import type { Begun, Trouble } from './troubles.js';

/** What docs/FAULTS.md says of a trouble. */
export interface Outcome {
  /** What became of the file. */
  readonly outcome: string;
  /** Seconds of the program's time from the end of the trouble to the whole file on its target. */
  readonly recoverySeconds: number;
  /** Steps that began, per minute of trouble. */
  readonly attemptsPerMinute: number;
  /** Lines of level `info` and above, per minute of trouble. */
  readonly linesPerMinute: number;
  /** What the program said last while the trouble lasted. */
  readonly said: string;
}

/** How long a trouble lasts, ms of the program's time. */
const TROUBLE_MS = 120_000;
/** Real time in which everything must be well again. */
const MAX_RECOVERY_MS = 60_000;
/** More than that is a loop without pauses. */
const MAX_ATTEMPTS_PER_MINUTE = 60;
const MAX_LINES_PER_MINUTE = 60;
const PATH = 'log.ulg';
/** What names a person's next step. */
const REMEDY = /filesync |check |look |correct |free |set |make |mount |give |switch |remove |retry/;

/** The trouble begins when all devices are available, lasts a while, and is lifted; the file must arrive once and whole. */
export async function undergo(name: SubjectName, trouble: Trouble): Promise<Outcome> {
  const scene = await openScene(name);
  try {
    const bytes = sample(scene.subject.size);
    if (scene.target.head) bytes.set(scene.target.head);
    await scene.source.put?.(PATH, bytes);
    const begun = await trouble(scene);
    return await observed(scene, begun, Buffer.from(bytes));
  } finally {
    await scene.close();
  }
}

async function observed(scene: Scene, begun: Begun, bytes: Buffer): Promise<Outcome> {
  const { logger, clock } = scene;
  const [first, from] = [logger.entries.length, clock.monotonic()];
  try {
    await delay(TROUBLE_MS / SPEED);
  } finally {
    await begun.lift();
  }
  const lifted = clock.monotonic();
  const minutes = (lifted - from) / 60_000;
  const entries = logger.entries.slice(first);
  const said = whatItSaid(scene, entries);
  assert.ok(begun.struck() > 0, 'the trouble never struck');
  const outcome = await rest(scene, bytes);
  const attempts = entries.filter(({ message }) => /^\w+ .*: begun$/.test(message)).length / minutes;
  const lines = entries.filter(({ level }) => level !== 'debug').length / minutes;
  assert.ok(attempts <= MAX_ATTEMPTS_PER_MINUTE, `${attempts} attempts per minute`);
  assert.ok(lines <= MAX_LINES_PER_MINUTE, `${lines} lines of the log per minute`);
  return {
    ...{ outcome, said, attemptsPerMinute: attempts, linesPerMinute: lines },
    recoverySeconds: (clock.monotonic() - lifted) / 1000,
  };
}

/** The last warning, else why a device is unavailable, else what the file waits for. */
function whatItSaid({ engine, home }: Scene, entries: Scene['logger']['entries']): string {
  const warning = entries.findLast(({ level }) => level === 'warn' || level === 'error')?.message;
  const waits = [...engine.records.all()].flatMap(record => engine.waits(record).map(({ reason }) => reason));
  return withoutPlaces((warning ?? waits[0] ?? 'nothing').replaceAll(home, '/data'));
}

/** Folders, ports and drives differ from run to run. */
const withoutPlaces = (text: string): string =>
  text
    .replace(/\/tmp\/[\w-]+/g, '/data')
    .replace(/UUID [\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'UUID 66F8-E5D9')
    .replace(/\/dev\/loop\d+/g, '/dev/sda1')
    .replaceAll(new RegExp(`${SERVER_NAME}:\\d+`, 'g'), SERVER_NAME);

/** Waits until the file is on its target, or the program says what a person must do. */
async function rest(scene: Scene, bytes: Buffer): Promise<string> {
  const deadline = performance.now() + MAX_RECOVERY_MS;
  for (;;) {
    const [record] = scene.engine.records.all();
    const state = record && stateOf(record);
    if (record && isDelivered(record)) return assertOnce(scene, bytes);
    if (record && state === FileState.FAILED) {
      assert.match(reasonOf(record), REMEDY);
      return `a person must act: ${withoutPlaces(reasonOf(record))}`;
    }
    assert.ok(performance.now() < deadline, `no recovery; the end of the log:\n${lastLines(scene)}`);
    await delay(20);
  }
}

async function assertOnce({ target }: Scene, bytes: Buffer): Promise<string> {
  const held = (await target.held?.()) ?? [];
  assert.equal(held.length, 1, 'the target holds the file once');
  assert.ok(held[0]?.equals(bytes), 'other bytes have arrived');
  return 'delivered';
}

const lastLines = ({ logger }: Scene): string =>
  logger.entries
    .slice(-25)
    .map(({ level, name, message }) => `  ${level} ${name} ${message}`)
    .join('\n');
