import { listRequestsSoFar } from '../conformance/mavlink-bench.js';
import { sourceChangesConformance } from '../conformance/source-changes.js';
import { sourceConformance } from '../conformance/source.js';
import { mavrosBench } from './mavros-bench.js';

sourceConformance('mavros source over the services', () => mavrosBench());
sourceConformance('mavros source over an endpoint', () => mavrosBench({ transport: 'endpoint' }));

sourceChangesConformance('mavros source over the services', async () => {
  const bench = await mavrosBench();
  return { ...bench, requests: () => bench.standIn.calls.length };
});
sourceChangesConformance('mavros source over an endpoint', async () => {
  const bench = await mavrosBench({ transport: 'endpoint' });
  return { ...bench, requests: listRequestsSoFar };
});
