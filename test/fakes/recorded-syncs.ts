import { readlinkSync } from 'node:fs';
import { whileSyncing } from './file-prototypes.js';

type Sync = (this: { readonly fd: number }) => Promise<void>;

/** Until the end of `work`, gives `seen` the path of each file or folder that is about to be brought to the disk. */
export async function whileRecordingSyncs(
  work: () => Promise<unknown>,
  seen: (path: string) => void,
): Promise<void> {
  const recorded = (original: () => Promise<void>): Sync =>
    function () {
      seen(readlinkSync(`/proc/self/fd/${this.fd}`));
      return original.call(this);
    };
  await whileSyncing(({ sync, datasync }) => ({ sync: recorded(sync), datasync: recorded(datasync) }), work);
}
