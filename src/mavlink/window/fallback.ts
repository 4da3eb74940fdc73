import type { Clock, Logger } from '../../ports.js';
import { withDeadline } from '../../system/deadline.js';
import type { RemoteFile } from '../remote-file.js';
import type { BlockSize } from './block-size.js';
import type { Block } from './blocks.js';

/** Smaller requests beside that for a whole block without a reply: bytes, and after how many ms. */
const SMALLER_BLOCKS = [
  { size: 120, after: 1_500 },
  { size: 48, after: 3_000 },
] as const;

export interface FallbackTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly blockSize: BlockSize;
}

/**
 * Reads the beginning of a block with one request that is repeated until its reply, and later with smaller ones as well:
 * some links cut or drop long packets. Rejects as `RemoteFile.read` does; empty at the end of the file.
 */
export async function readWithFallback(
  file: RemoteFile,
  block: Pick<Block, 'offset' | 'size'>,
  { clock, blockSize }: FallbackTools,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const first = (settled: AbortSignal) => {
    const smaller = SMALLER_BLOCKS.filter(({ size }) => size < block.size).map(async ({ size, after }) => {
      await clock.sleep(after, settled);
      return file.read(block.offset, size, settled);
    });
    return Promise.race([file.read(block.offset, block.size, settled), ...smaller]);
  };
  const data = await withDeadline(first, { signal });
  if (data.length > 0) blockSize.answered(block.size, data.length);
  return data;
}
