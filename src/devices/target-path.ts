import { FileSyncError, type ErrorDetails } from '../errors.js';

/** They end a command or a name in some protocols. */
const COMMAND_BREAKERS = ['\0', '\r', '\n'];

/**
 * Throws `bad-name` unless `path` names something below a target's root: relative, joined by `/`, no empty part,
 * no `.` or `..` (nor after a backslash, for servers on Windows), no character that ends a command line.
 */
export function checkTargetPath(path: string, details: ErrorDetails = {}): void {
  const flaw = flawOf(path);
  if (flaw === undefined) return;
  const remedy = "change the rule's path, or rename the file on the source";
  throw new FileSyncError('bad-name', `${JSON.stringify(path)} ${flaw}: ${remedy}`, { ...details, path });
}

function flawOf(path: string): string | undefined {
  const parts = path.split(/[\\/]/);
  if (path === '') return 'is an empty name';
  if (path.startsWith('/')) return 'is absolute';
  if (COMMAND_BREAKERS.some(character => path.includes(character))) return 'contains a NUL or a line break';
  if (parts.includes('..')) return 'leads out of the folder';
  return path.split('/').some(part => part === '' || part === '.') ? 'has an empty part' : undefined;
}
