import type { SourceFile } from '../ports.js';

/** Whether what a server has now is the version that was listed, as far as size (bytes) and time are known. */
export function isSameVersion(
  file: SourceFile,
  found: { readonly size?: number; readonly modified?: number },
): boolean {
  const sameSize = found.size === undefined || found.size === file.size;
  const known = file.modified !== undefined && found.modified !== undefined;
  return sameSize && (!known || found.modified === file.modified);
}
