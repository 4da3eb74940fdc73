import type { FileRecord } from '../../src/ports.js';
import type { Planner } from '../../src/rules/plan.js';

/** The last part of the path of every marker. */
export const MARKER = 'metadata.yaml';

export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
export const isMarker = (path: string): boolean => path === `${folderOf(path)}${MARKER}`;

/** Whether the rules take the files of its folder together. */
export const isTogether = (
  planner: Planner,
  { device, path }: Pick<FileRecord, 'device' | 'path'>,
): boolean => planner.plan(device, path)?.together !== undefined;

/** The latest record of each other file in the folder of that one whose bytes are wanted and can be had. */
export function othersOf(record: FileRecord, all: readonly FileRecord[]): FileRecord[] {
  const latest = new Map<string, FileRecord>();
  for (const one of all)
    if (one.device === record.device && folderOf(one.path) === folderOf(record.path))
      latest.set(one.path, one);
  latest.delete(record.path);
  return [...latest.values()].filter(
    one => one.skipped === undefined && (one.source.state === 'present' || one.copy.state === 'whole'),
  );
}

/** The names that the metadata of a bag lists; none of other bytes. */
export function listedIn(bytes: Buffer): string[] {
  const text = bytes.toString();
  if (!text.startsWith('rosbag2_bagfile_information:')) return [];
  return [...text.matchAll(/^ {4}- (.+)$/gm)].map(([, name = '']) => name);
}
