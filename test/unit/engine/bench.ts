import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalStorage } from '../../../src/local/storage.js';
import { FactKeeper, type FactSettings } from '../../../src/fact-keeper/fact-keeper.js';
import { Engine } from '../../../src/engine/engine.js';
import type { RetryPolicy } from '../../../src/system/back-off.js';
import type { Clock, FileRecord, Logger, Source, Store } from '../../../src/ports.js';
import { DescriptionFile } from '../../../src/config/description-file.js';
import { Planner } from '../../../src/rules/plan.js';
import { TemplateContext } from '../../../src/rules/template-context.js';
import type { Rule } from '../../../src/rules/rule.js';
import { useDirectly } from '../../fakes/use-directly.js';
import { rule as ruleWithDefaults } from '../rules/rule.js';
import { systemClock } from '../../../src/system/clock.js';
import { MemorySource, type MemorySourceOptions } from '../../fakes/memory-source.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { MemoryTarget, type MemoryTargetOptions } from '../../fakes/memory-target.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

/** Quick enough for tests, and as patient as a pass. */
const POLICY: RetryPolicy = { baseMs: 1, ceilingMs: 4, maxTries: 5, maxWaitMs: 100 };

/** Takes everything at once, and deletes without delay where it is told to. */
export const rule = (changes: Partial<Rule> = {}): Rule =>
  ruleWithDefaults({ from: 'cam', to: ['ftp'], settle: 0, deleteAfter: 0, ...changes });

export interface BenchOptions {
  readonly rules?: readonly Rule[];
  readonly source?: MemorySourceOptions;
  readonly targets?: Readonly<Record<string, MemoryTargetOptions>>;
  readonly store?: Store;
  readonly folder?: string;
  readonly policy?: Partial<RetryPolicy>;
  readonly clock?: Clock;
  /** Stands in place of the one that records. */
  readonly logger?: Logger;
  /** ms after which records are archived. */
  readonly keepRecords?: number;
  /** ms between two scans. */
  readonly interval?: number;
  /** Stands in place of the one in memory. */
  readonly cam?: Source;
  /** What is in the files is read. */
  readonly facts?: Partial<FactSettings>;
}

/** An engine on fakes of everything remote, with real local files. */
export async function makeBench(options: BenchOptions = {}) {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'filesync-engine-')));
  const source = new MemorySource(options.source);
  const targetOptions = Object.entries(options.targets ?? { ftp: {} });
  const targets = new Map(targetOptions.map(([name, one]) => [name, new MemoryTarget(one)]));
  const store = options.store ?? new MemoryStore();
  const recording = new RecordingLogger();
  const { logger = recording } = options;
  const local = new LocalStorage(folder);
  const planner = new Planner(options.rules ?? [rule()]);
  const descriptionFile = new DescriptionFile(join(folder, 'coex.conf'), logger);
  const templates = new TemplateContext({ descriptionFile, hostname: 'pi' });
  const ends = [...targets].map(([name, target]) => ({ name, type: 'memory', target }));
  const devices = [{ name: 'cam', type: 'memory', source: options.cam ?? source }, ...ends];
  const { clock = systemClock, interval = 5 } = options;
  const tools = {
    clock,
    logger,
    useBoth: useDirectly,
    random: () => 0.5,
    policy: { ...POLICY, ...options.policy },
  };
  const keepRecords = options.keepRecords ?? Infinity;
  const settings = { facts: { position: false }, telling: new Set<string>(), ...options.facts };
  const facts = options.facts && new FactKeeper({ ...tools, local, planner, templates, settings });
  const parts = { ...tools, devices, store, local, planner, templates, interval, keepRecords };
  const engine = new Engine({ ...parts, ...(facts && { facts }) });
  return {
    engine,
    source,
    store,
    logger: recording,
    folder,
    local,
    planner,
    target: (name = 'ftp') => targets.get(name) as MemoryTarget,
    records: (): FileRecord[] => [...store.all()],
    record: (path: string) => [...store.all()].find(record => record.path === path),
    copy: (name: string) => readFile(join(folder, name)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export type Bench = Awaited<ReturnType<typeof makeBench>>;

/** Runs the test on a bench of its own; engine and folder are gone afterwards. */
export async function onBench(options: BenchOptions, test: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await makeBench(options);
  try {
    await test(bench);
  } finally {
    await bench.engine.stop();
    await bench.remove();
  }
}
