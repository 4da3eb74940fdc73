import type { UseBoth } from '../../src/engine/streamer.js';

/** Streams use both ends as they are, without connections or locks. */
export const useDirectly: UseBoth = (source, target, _signal, work) => work(source, target);
