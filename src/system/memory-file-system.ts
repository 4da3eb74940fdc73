import { statfsNearest } from './statfs.js';

/** `f_type` of tmpfs and ramfs (statfs(2); linux/magic.h). */
export const MEMORY_FILE_SYSTEMS: readonly number[] = [0x01021994, 0x858458f6];

/** Whether the absolute path, which need not exist yet, is on a file system in memory, lost at power-off. Never rejects. */
export async function isInMemory(path: string): Promise<boolean> {
  return statfsNearest(path).then(
    ({ type }) => MEMORY_FILE_SYSTEMS.includes(type),
    () => false,
  );
}
