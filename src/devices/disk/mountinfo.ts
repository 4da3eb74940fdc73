/** A line of /proc/self/mountinfo (proc(5)). */
export interface MountEntry {
  readonly id: string;
  /** Of the mount that this one lies on. */
  readonly parent: string;
  /** Major and minor number of what is mounted; `0:N` for FUSE. */
  readonly number: string;
  /** The folder of the file system that is mounted; `/` unless it is a bind mount. */
  readonly root: string;
  /** Absolute. */
  readonly point: string;
  /** The mount is, or its whole file system. */
  readonly readOnly: boolean;
  readonly fstype: string;
  /** What was mounted: `/dev/sda1`. */
  readonly source: string;
}

/** The least number of fields on either side of the dash. */
type Tuple = [string, string, string, string, string, string];

export function parseMountinfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter(line => line.includes(' - '))
    .map(parseLine);
}

/** `36 35 8:1 / /mnt/flir rw,nosuid shared:1 - vfat /dev/sda1 rw`; the optional fields end at the dash. */
function parseLine(line: string): MountEntry {
  const fields = line.split(' ').map(decoded);
  const [id, parent, number, root, point, own] = fields as Tuple;
  const [fstype, source, all] = fields.slice(fields.indexOf('-') + 1) as Tuple;
  const readOnly = `${own},${all}`.split(',').includes('ro');
  return { id, parent, number, root, point, fstype, source, readOnly };
}

/** Undoes the octal for blanks and backslashes, of the kernel and of fstab(5). */
export const decoded = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));

/** The uppermost mount at a path; those below it are covered. */
export function topmost(entries: readonly MountEntry[], point: string): MountEntry | undefined {
  return uncovered(entries).find(entry => entry.point === point);
}

/** The mounts that no later mount covers: one that lies on them, at the same point. */
export function uncovered(entries: readonly MountEntry[]): MountEntry[] {
  const covering = new Map<string, MountEntry[]>();
  for (const entry of entries) {
    const key = `${entry.parent} ${entry.point}`;
    covering.set(key, [...(covering.get(key)?.slice(0, 1) ?? []), entry]);
  }
  return entries.filter(lower => !covering.get(`${lower.id} ${lower.point}`)?.some(upper => upper !== lower));
}
