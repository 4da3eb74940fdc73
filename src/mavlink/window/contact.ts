import { throwIfAborted } from '../../errors.js';
import type { Clock } from '../../ports.js';
import type { RemoteFile } from '../remote-file.js';
import type { BlockSize } from './block-size.js';
import type { Block } from './blocks.js';

/** What is asked for beside the whole block when that stays unanswered: bytes, and after how many ms. */
const SMALLER = [
  { size: 120, after: 1_500 },
  { size: 48, after: 3_000 },
] as const;

export interface Contact {
  readonly file: RemoteFile;
  readonly block: Block;
  readonly blockSize: BlockSize;
  readonly clock: Clock;
}

/**
 * The beginning of a block, by one request that is repeated until it is answered, and then by smaller ones beside it:
 * some links cut or drop long packets. Rejects as `RemoteFile.read` does; empty at the end of the file.
 */
export async function contact(
  { file, block, blockSize, clock }: Contact,
  signal: AbortSignal,
): Promise<Uint8Array> {
  throwIfAborted(signal);
  const settled = new AbortController();
  const stop = () => settled.abort();
  signal.addEventListener('abort', stop);
  const smaller = async ({ size, after }: { size: number; after: number }) => {
    await clock.sleep(after, settled.signal);
    const data = await file.read(block.offset, size, settled.signal);
    blockSize.answered(block.size, data.length);
    return data;
  };
  try {
    const whole = file.read(block.offset, block.size, settled.signal);
    const others = SMALLER.filter(({ size }) => size < block.size).map(smaller);
    return await Promise.race([whole, ...others.map(successOnly)]);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Never settles if the work fails. */
function successOnly<Value>(work: Promise<Value>): Promise<Value> {
  return new Promise(resolve => void work.then(resolve, () => undefined));
}
