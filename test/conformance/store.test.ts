import { join } from 'node:path';
import { openStore } from '../../src/db/store.js';
import { MemoryStore } from '../fakes/memory-store.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { storeConformance, type StoreBench } from './store.js';
import { temporaryFolder } from './temp-folder.js';

const onDisk = async (compactAfter?: number): Promise<StoreBench> => {
  const folder = await temporaryFolder();
  const clock = new VirtualClock();
  const logger = new RecordingLogger();
  const options = { clock, logger, ...(compactAfter !== undefined && { compactAfter }) };
  return {
    open: () => openStore(join(folder.path, 'new', 'filesync.json'), options),
    close: () => folder.remove(),
  };
};

const inMemory = async (): Promise<StoreBench> => {
  let last: MemoryStore | undefined;
  return {
    open: async () => (last = last?.reopened() ?? new MemoryStore()),
    close: async () => last?.close(),
  };
};

storeConformance('store on disk', () => onDisk());
storeConformance('store on disk that compacts itself all the time', () => onDisk(1));
storeConformance('memory store', inMemory);
