import { listRequestsSoFar, mavlinkBench } from './mavlink-bench.js';
import { sourceChangesConformance } from './source-changes.js';
import { sourceConformance } from './source.js';

sourceConformance('mavlink source on PX4', () => mavlinkBench({ like: 'px4' }));
sourceConformance('mavlink source on ArduPilot', () => mavlinkBench({ like: 'ardupilot' }));
sourceConformance('mavlink source on a lossy link', () =>
  mavlinkBench({ loss: 0.05, dup: 0.05, reorder: 0.05, seed: 7 }),
);

for (const like of ['px4', 'ardupilot'] as const)
  sourceChangesConformance(`mavlink source on ${like}`, async () => {
    const bench = await mavlinkBench({ like });
    return { ...bench, requests: listRequestsSoFar };
  });
