import { MemorySource, type MemorySourceOptions } from '../fakes/memory-source.js';
import { MemoryTarget, type MemoryTargetOptions } from '../fakes/memory-target.js';
import { sourceChangesConformance } from './source-changes.js';
import { sourceConformance, type SourceBench } from './source.js';
import { targetConformance, type TargetBench } from './target.js';

const sourceBench = async (options: MemorySourceOptions = {}): Promise<SourceBench> => {
  const source = new MemorySource(options);
  return {
    source,
    put: async (path, bytes) => source.put(path, bytes),
    remove: async path => source.take(path),
    loseRoot: async () => source.loseRoot(),
    big: 64 * 1024,
    close: () => source.close(),
  };
};

const targetBench = async (options: MemoryTargetOptions = {}): Promise<TargetBench> => {
  const target = new MemoryTarget(options);
  return {
    target,
    read: async path => target.files.get(path),
    listAll: async () => [...target.files.keys(), ...target.unfinished],
    close: () => target.close(),
  };
};

sourceConformance('memory', () => sourceBench());
sourceConformance('memory that can do nothing but read', () =>
  sourceBench({ capabilities: { resume: false, checksum: false, remove: false } }),
);
sourceConformance('memory, like an autopilot', () =>
  sourceBench({ capabilities: { checksum: 'crc32-mavlink' } }),
);
sourceConformance('memory that can look at the changes', () => sourceBench({ changes: true }));
sourceChangesConformance('memory', async () => {
  let calls = 0;
  const bench = await sourceBench({
    changes: true,
    before: operation => void (calls += operation === 'list' ? 1 : 0),
  });
  return { ...bench, requests: () => calls };
});
targetConformance('memory', () => targetBench());
targetConformance('memory that can do nothing but write', () =>
  targetBench({ capabilities: { resume: false, stat: false, checksum: false } }),
);
