import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';

/** A frame of a trace. */
export interface TracedFrame {
  readonly from: 'client' | 'vehicle';
  /** Monotonic ms of the machine that recorded it. */
  readonly ms: number;
  /** The whole frame. */
  readonly bytes: Uint8Array;
}

const lineSchema = z.object({
  t_ms: z.number(),
  from: z.enum(['client', 'vehicle']),
  frame: z.string().regex(/^([0-9a-f]{2})+$/i),
});

/**
 * The frames of a trace (`FILESYNC_TRACE=mavlink:FILE`), in its order. Throws `config` if the file cannot be read or holds
 * none. Other lines are left out: a program that was killed leaves a part of one behind, and the next one appends to it.
 */
export async function readTrace(file: string): Promise<TracedFrame[]> {
  const frames: TracedFrame[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const frame = parseLine(line);
      if (frame) frames.push(frame);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FileSyncError('config', `cannot read the trace: ${why}`, { cause });
  }
  if (frames.length > 0) return frames;
  const remedy = 'name a file that FILESYNC_TRACE=mavlink:FILE has written';
  throw new FileSyncError('config', `${file} is no MAVLink trace: ${remedy}`);
}

function parseLine(line: string): TracedFrame | undefined {
  try {
    const { t_ms: ms, from, frame } = lineSchema.parse(JSON.parse(line));
    return { from, ms, bytes: Uint8Array.from(Buffer.from(frame, 'hex')) };
  } catch {
    return undefined;
  }
}
