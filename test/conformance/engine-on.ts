import { join } from 'node:path';
import { LocalStorage } from '../../src/local/storage.js';
import { Engine } from '../../src/engine/engine.js';
import { daemonPolicy } from '../../src/system/back-off.js';
import type { Source } from '../../src/ports.js';
import { DescriptionFile } from '../../src/config/description-file.js';
import { Planner } from '../../src/rules/plan.js';
import { TemplateContext } from '../../src/rules/template-context.js';
import { systemClock } from '../../src/system/clock.js';
import { MemoryStore } from '../fakes/memory-store.js';
import { MemoryTarget } from '../fakes/memory-target.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { useDirectly } from '../fakes/use-directly.js';
import { rule } from '../unit/engine/bench.js';

/** An engine that looks at the source once, and then only when it has a reason to. */
export function engineOn(
  source: Source,
  folder: string,
  store = new MemoryStore(),
): { engine: Engine; target: MemoryTarget } {
  const logger = new RecordingLogger();
  const target = new MemoryTarget();
  const local = new LocalStorage(folder);
  const planner = new Planner([rule()]);
  const descriptionFile = new DescriptionFile(join(folder, 'coex.conf'), logger);
  const templates = new TemplateContext({ descriptionFile, hostname: 'pi' });
  const devices = [
    { name: 'cam', type: 'vehicle', source },
    { name: 'ftp', type: 'memory', target },
  ];
  const tools = {
    clock: systemClock,
    logger,
    random: Math.random,
    policy: daemonPolicy,
    useBoth: useDirectly,
  };
  const parts = { ...tools, devices, store, local, planner, templates };
  return { engine: new Engine({ ...parts, interval: 3_600_000, keepRecords: Infinity }), target };
}
