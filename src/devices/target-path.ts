import { FileSyncError, type ErrorDetails } from '../errors.js';

/** Characters that end a command or a name in some protocol. */
const COMMAND_BREAKERS = ['\0', '\r', '\n'];

/**
 * Throws `bad-name` unless `path` names something below a target's root: relative, joined by `/`, no empty part,
 * no `.` or `..` (behind a backslash neither, for servers on Windows), nothing that ends a protocol's command line.
 */
export function checkTargetPath(path: string, details: ErrorDetails = {}): void {
  const flaw = flawOf(path);
  if (flaw === undefined) return;
  const cure = "change the rule's path, or rename the file on the source";
  throw new FileSyncError('bad-name', `${JSON.stringify(path)} ${flaw}: ${cure}`, { ...details, path });
}

function flawOf(path: string): string | undefined {
  const parts = path.split(/[\\/]/);
  if (path === '') return 'is an empty name';
  if (path.startsWith('/')) return 'is absolute';
  if (COMMAND_BREAKERS.some(character => path.includes(character))) return 'holds a NUL or a line break';
  if (parts.includes('..')) return 'leads out of the folder';
  return path.split('/').some(part => part === '' || part === '.') ? 'has an empty part' : undefined;
}
