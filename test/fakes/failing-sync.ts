import { open, type FileHandle } from 'node:fs/promises';

/** Syncs of files, of all files of this process. */
const SYNCS = ['sync', 'datasync'] as const;

/** Until the end of `work`, no file can be brought to the disk: what a drive says that is about to die. */
export async function whileSyncsFail(work: () => Promise<void>): Promise<void> {
  await using handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as Pick<FileHandle, 'sync' | 'datasync'>;
  const { sync, datasync } = prototype;
  const fail = () => Promise.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
  for (const name of SYNCS) prototype[name] = fail;
  try {
    await work();
  } finally {
    Object.assign(prototype, { sync, datasync });
  }
}
