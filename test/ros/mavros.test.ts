import { listRequestsSoFar } from '../conformance/mavlink-bench.js';
import { sourceChangesConformance } from '../conformance/source-changes.js';
import { sourceConformance } from '../conformance/source.js';
import { mavrosBench } from './mavros-bench.js';

sourceConformance('mavros, services of the stand-in', () => mavrosBench());
sourceConformance('mavros, endpoint of the stand-in', () => mavrosBench({ transport: 'endpoint' }));

sourceChangesConformance('mavros, services of the stand-in', async () => {
  const bench = await mavrosBench();
  return { ...bench, requests: () => bench.standIn.calls.length };
});
sourceChangesConformance('mavros, endpoint of the stand-in', async () => {
  const bench = await mavrosBench({ transport: 'endpoint' });
  return { ...bench, requests: listRequestsSoFar };
});
