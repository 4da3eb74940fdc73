import { whileSyncing } from './file-prototypes.js';

/** Until the end of `work`, no file can be brought to the disk: what a drive says that is about to die. */
export async function whileSyncsFail(work: () => Promise<void>): Promise<void> {
  const fail = () => Promise.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
  await whileSyncing(() => ({ sync: fail, datasync: fail }), work);
}
