import { survivorsBy, type CrashFs } from '../model/crash-fs.js';
import { randomFrom } from '../unit/db/crash-disk.js';
import { collectCuts, type Cut, type CutSetting } from './cuts.js';
import { complaintsAtEnd, watchRemovals } from './judge.js';
import { runProcess, type Boot } from './machine.js';
import { installed, type Plan } from './plan.js';

const START = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

const bootOf = (number: number): Boot => ({ number, wall: START + number * HOUR_MS });

export interface Tally {
  /** Outcomes of cuts from which the pipeline was run to its end. */
  outcomes: number;
  readonly failures: string[];
}

export interface Accidents extends CutSetting {
  readonly plan: Plan;
  /** What the medium does not do, though it says so. */
  readonly ignoresSync?: CrashFs['ignoresSync'];
}

/** One process runs, and the power is cut. */
export async function cutInFirst(accidents: Accidents): Promise<Tally> {
  const { plan } = accidents;
  const { cuts, failures } = await recorded(accidents);
  const after = await resumeAll(cuts, plan, 2);
  return { ...after, failures: [...failures, ...after.failures] };
}

/** The same, from the last cut to the first that loses something; what would only be at risk does not count. */
export async function firstLoss(accidents: Accidents): Promise<string | undefined> {
  const { cuts } = await recorded(accidents);
  for (const cut of cuts.reverse()) {
    const { failures } = await resumeAll([cut], accidents.plan, 2);
    if (failures[0] !== undefined) return failures[0];
  }
  return undefined;
}

async function recorded(accidents: Accidents) {
  const { plan, ignoresSync } = accidents;
  const fs = installed(plan);
  if (ignoresSync) fs.ignoresSync = ignoresSync;
  const cuts = collectCuts(fs, accidents);
  return { cuts, failures: await passOn(fs, plan, bootOf(1), 'without a cut') };
}

/** What happens to the first process, before the second one is cut off. */
export type First = 'killed' | 'cut off';

/** The first process is killed, or its power cut, at each so many changes; a second one begins, and its power is cut. */
export async function cutInSecond(accidents: Accidents, first: First): Promise<Tally> {
  const { plan, every, seed } = accidents;
  const tally: Tally = { outcomes: 0, failures: [] };
  for (let at = 1 + (seed % every); ; at += every) {
    const begun = await begin(accidents, first, at);
    if (!begun) return tally;
    const cuts = collectCuts(begun, { ...accidents, seed: seed + at });
    const label = `first process ${first} after change ${at}`;
    const failures = await passOn(begun, plan, bootOf(first === 'killed' ? 1 : 2), label);
    const after = await resumeAll(cuts, plan, 3);
    tally.outcomes += after.outcomes;
    tally.failures.push(...failures, ...after.failures.map(one => `${label}: ${one}`));
  }
}

/** The file system after the first accident; undefined if the process ends before. */
async function begin({ plan, seed }: Accidents, first: First, at: number): Promise<CrashFs | undefined> {
  const fs = installed(plan);
  const complaints = watchRemovals(fs, plan);
  const { outcome } = await runProcess(fs, plan, bootOf(1), at);
  if (outcome === 'complete') return undefined;
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
  if (first === 'killed') return fs;
  return fs.afterPowerCut(survivorsBy(randomFrom(seed + at)));
}

async function resumeAll(cuts: readonly Cut[], plan: Plan, boot: number): Promise<Tally> {
  const failures: string[] = [];
  for (const { fs, label } of cuts) failures.push(...(await passOn(fs, plan, bootOf(boot), label)));
  return { outcomes: cuts.length, failures };
}

/** Runs the pipeline to its end. Returns what was wrong, with the end of the log. */
async function passOn(fs: CrashFs, plan: Plan, boot: Boot, label: string): Promise<string[]> {
  const removed = watchRemovals(fs, plan);
  const ended = await runProcess(fs, plan, boot);
  const complaints = [...removed, ...complaintsAtEnd(fs, plan, ended)];
  if (complaints.length === 0) return [];
  return [[label, ...complaints, ...ended.log.slice(-30).map(line => `  ${line}`)].join('\n')];
}
