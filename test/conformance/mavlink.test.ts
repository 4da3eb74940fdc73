import { dockBench, listRequestsSoFar, mavlinkBench } from './mavlink-bench.js';
import { sourceChangesConformance } from './source-changes.js';
import { sourceConformance } from './source.js';

/** Of message signing. */
const KEY = Buffer.alloc(32, 'key of the fleet');

sourceConformance('mavlink, simulated PX4', () => mavlinkBench({ like: 'px4' }));
sourceConformance('mavlink, simulated ArduPilot', () => mavlinkBench({ like: 'ardupilot' }));
sourceConformance('mavlink, simulated PX4 on a lossy link', () =>
  mavlinkBench({ loss: 0.05, dup: 0.05, reorder: 0.05, seed: 7 }),
);
sourceConformance('mavlink, simulated PX4 that signs its messages', () =>
  mavlinkBench({ signingKey: KEY }, { signing_key: KEY.toString('hex') }),
);
sourceConformance('mavlink, simulated PX4 in a dock of eight on one port', () => dockBench());

for (const like of ['px4', 'ardupilot'] as const)
  sourceChangesConformance(`mavlink, simulated ${like === 'px4' ? 'PX4' : 'ArduPilot'}`, async () => {
    const bench = await mavlinkBench({ like });
    return { ...bench, requests: listRequestsSoFar };
  });
