import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileSyncError } from '../../errors.js';
import type { Secrets } from './secrets.js';

const CONFIG_MODE = 0o640;
const SECRET_MODE = 0o600;
/** In a folder of root's that belongs to a group, as /etc/filesync, the service reads them by that group. */
const GROUP_SECRET_MODE = 0o640;

/** The configuration as the package ships it; the unit compares with it, too. */
const SHIPPED = '/usr/share/filesync/filesync.yaml';

/** Whether the file is the package's example, unedited. */
export async function isUntouchedExample(file: string, shipped = SHIPPED): Promise<boolean> {
  const read = (path: string) => readFile(path).catch(() => undefined);
  const [written, example] = await Promise.all([read(file), read(shipped)]);
  return written !== undefined && example !== undefined && written.equals(example);
}

/**
 * Writes the secrets, then the configuration. Throws `config` if a file exists: nothing is overwritten but the package's example
 * as it was shipped, and the users who could read that can read what takes its place.
 */
export async function writeConfiguration(
  file: string,
  text: string,
  secrets: Secrets,
  shipped = SHIPPED,
): Promise<readonly string[]> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true });
  const isReplacing = await isUntouchedExample(file, shipped);
  const { uid, gid } = await stat(isReplacing ? file : folder);
  const isShared = uid === 0 && gid !== 0;
  const group = isShared && { gid };
  const written: string[] = [];
  for (const [name, secret] of secrets.filesIn(text)) {
    const path = join(folder, name);
    const mode = isShared ? GROUP_SECRET_MODE : SECRET_MODE;
    await writeNew(path, `${secret}\n`, { mode, ...group });
    written.push(path);
  }
  if (isReplacing) await replaceExample(file, text, { mode: CONFIG_MODE, shipped, ...group });
  else await writeNew(file, text, { mode: CONFIG_MODE, ...group });
  return [...written, file];
}

/** In one step. Throws `config` if the example has been edited meanwhile. */
async function replaceExample(
  file: string,
  text: string,
  { shipped, ...access }: { mode: number; gid?: number; shipped: string },
): Promise<void> {
  const next = `${file}.new`;
  await writeNew(next, text, access);
  try {
    if (!(await isUntouchedExample(file, shipped))) throw existing(file);
    await rename(next, file);
  } catch (thrown) {
    await rm(next);
    throw thrown;
  }
}

async function writeNew(
  path: string,
  text: string,
  { mode, gid }: { mode: number; gid?: number },
): Promise<void> {
  const handle = await opened(path, mode);
  try {
    // The mode of an open file is not narrowed by the umask; the owner stays.
    await handle.chmod(mode);
    if (gid !== undefined) await handle.chown((await handle.stat()).uid, gid).catch(() => undefined);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function opened(path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(path, 'wx', mode);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') throw existing(path);
    throw new FileSyncError(
      'config',
      `${path} cannot be written (${String(code)}): name another file with --output`,
      { cause },
    );
  }
}

/** The error for a configuration that is there already. */
export const existing = (path: string): FileSyncError =>
  new FileSyncError(
    'config',
    `${path} exists and is never overwritten: edit it, move it away (mv ${path} ${path}.old), or name another file with --output`,
  );
