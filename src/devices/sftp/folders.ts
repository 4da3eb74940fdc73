import { posix } from 'node:path';
import { hasStatus, isMissing, STATUS } from './errors.js';
import type { SftpEntry, SftpSession } from './session.js';

/** What has that name, links followed; undefined if nothing has. */
export async function found(session: SftpSession, path: string): Promise<SftpEntry | undefined> {
  return session.stat(path).catch(unlessMissing);
}

/** Whether anything has that name, be it a link to nothing. */
export const isTaken = async (session: SftpSession, path: string): Promise<boolean> =>
  (await session.lstat(path).catch(unlessMissing)) !== undefined;

export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** Makes a folder and those above it; returns which were made. Another vehicle may make them at the same time. */
export async function makeFolders(session: SftpSession, folder: string): Promise<string[]> {
  if ((await found(session, folder))?.kind === 'folder') return [];
  const above = posix.dirname(folder);
  const made = above === folder ? [] : await makeFolders(session, above);
  try {
    await session.makeFolder(folder);
    return [...made, folder];
  } catch (error) {
    const isRefused = hasStatus(error, STATUS.FAILURE, STATUS.EXISTS, STATUS.DENIED);
    if (isRefused && (await found(session, folder))?.kind === 'folder') return made;
    throw error;
  }
}
