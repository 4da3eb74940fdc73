import { join, parse } from 'node:path';

/** Ends of the names of partial uploads, in the order of preference: some servers forbid the first. */
export const PART_ENDINGS = ['part', 'filesync'] as const;
export type PartEnding = (typeof PART_ENDINGS)[number];

/** The end of a partial upload's name: its token is sixteen hex digits. */
const UNFINISHED = /\.[0-9a-f]{16}\.(part|filesync)$/;

export const isUnfinishedUpload = (name: string): boolean => UNFINISHED.test(name);

/** Bytes of a name that every file system takes. */
const MAX_NAME_BYTES = 255;

/** The path of the partial upload with this token: in the folder of its final name, of which as much is kept as fits. */
export function partName(final: string, token: string, end: PartEnding = 'part'): string {
  const ending = `.${token}.${end}`;
  const { dir, base } = parse(final);
  const space = new Uint8Array(MAX_NAME_BYTES - ending.length);
  const { read } = new TextEncoder().encodeInto(base, space);
  return join(dir, base.slice(0, read) + ending);
}
