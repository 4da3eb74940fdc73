import { open, type FileHandle } from 'node:fs/promises';
import { exportLines } from '../db/export-format.js';
import { readStore } from '../db/read-only.js';
import { FileSyncError, throwIfAborted } from '../errors.js';
import { warnOfDamage } from './api.js';
import { common, defineCommand } from './command.js';
import { configFor } from './setup.js';
import { ExitCode } from './shell.js';

/** Characters that are written in one call. */
const BATCH_LENGTH = 1024 * 1024;

export const exportDatabase = defineCommand({
  options: { config: common.config },
  build: yargs =>
    yargs.positional('file', {
      type: 'string',
      describe: 'a new file, for this user alone (default: standard output)',
    }),
  async run(args, shell) {
    const path = args['file'] as string | undefined;
    const config = await configFor(shell, args.config);
    const known = await readStore(config.database);
    warnOfDamage(shell, known);
    const devices = [...config.devices.keys()];
    const lines = exportLines(known, devices, shell.clock.now());
    if (path === undefined) for await (const line of lines) shell.print(line);
    else await writeNew(path, lines, shell.stopped);
    return known.problem === undefined ? ExitCode.DONE : ExitCode.INCOMPLETE;
  },
});

/** An earlier export is not replaced. A file that is cut off lacks its last line, which `import` notices. */
async function writeNew(path: string, lines: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  const file = await openNew(path);
  try {
    let batch = '';
    for await (const line of lines) {
      throwIfAborted(signal);
      batch += `${line}\n`;
      if (batch.length < BATCH_LENGTH) continue;
      await file.write(batch);
      batch = '';
    }
    await file.write(batch);
    await file.sync();
  } catch (cause) {
    throw cause instanceof FileSyncError ? cause : cannotWrite(path, cause);
  } finally {
    await file.close();
  }
}

function openNew(path: string): Promise<FileHandle> {
  return open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cannotWrite(path, cause);
    throw new FileSyncError('config', `${path} is there already: name a new file`, { cause });
  });
}

function cannotWrite(path: string, cause: unknown): FileSyncError {
  const { code = '' } = cause as NodeJS.ErrnoException;
  return new FileSyncError('io', `${path} cannot be written (${code}): name another place`, { cause });
}
