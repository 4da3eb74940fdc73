import { Session, type HeapProfiler } from 'node:inspector/promises';

/** Bytes of allocations between two samples, on average. */
const INTERVAL_BYTES = 4_096;

/**
 * Bytes that functions of `src` allocate on the heap of JavaScript while `work` runs, as sampled; without those of the
 * method `serve` of the other end, and of what it calls.
 */
export async function allocatedBytes(work: () => Promise<void>): Promise<number> {
  const session = new Session();
  session.connect();
  const how = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  try {
    await session.post('HeapProfiler.startSampling', { samplingInterval: INTERVAL_BYTES, ...how });
    await work();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return ownBytes(profile.head, false);
  } finally {
    session.disconnect();
  }
}

/** What is allocated below a function of `src` is its doing. */
function ownBytes(node: HeapProfiler.SamplingHeapProfileNode, isBelow: boolean): number {
  const { functionName, url } = node.callFrame;
  if (functionName === 'serve') return 0;
  const isOwn = isBelow || url.includes('/src/');
  return node.children.reduce((sum, child) => sum + ownBytes(child, isOwn), isOwn ? node.selfSize : 0);
}
