import { FileInfo, FileType } from 'basic-ftp';

/**
 * A line of the Easily Parsed LIST Format (D. J. Bernstein, publicfile): `+` and facts that end with commas, a tab, the name.
 * Facts: `/` a folder, `r` a file, `s` its size, `m` its time in s since the Unix epoch. Undefined without a name; without
 * `s` the size is NaN.
 */
export function parseEplf(line: string): FileInfo | undefined {
  const tab = line.indexOf('\t');
  if (tab < 0 || tab === line.length - 1) return undefined;
  const info = new FileInfo(line.slice(tab + 1));
  info.size = NaN;
  for (const fact of line.slice(1, tab).split(',')) apply(fact, info);
  return info;
}

function apply(fact: string, info: FileInfo): void {
  const value = fact.slice(1);
  if (fact === '/') info.type = FileType.Directory;
  if (fact === 'r') info.type = FileType.File;
  if (fact.startsWith('s')) info.size = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (fact.startsWith('m') && /^\d{1,12}$/.test(value)) {
    info.rawModifiedAt = value;
    info.modifiedAt = new Date(Number(value) * 1000);
  }
}
