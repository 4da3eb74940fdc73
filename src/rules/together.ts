import { mainOf } from './companion.js';

/**
 * Which files of a rule are one unit. `folder`: those directly in one folder, complete when it has the file of that name, the
 * marker. `stem`: those whose paths differ by one of these extensions only, complete when there is one of each; the last one is the
 * marker. The marker is the last to be delivered and the first to be removed. `early`: parts are sent before the unit is complete.
 */
export type Together = ({ readonly folder: string } | { readonly stem: readonly string[] }) & {
  readonly early?: true;
};

/** The unit that a file belongs to. */
export interface UnitOfFile {
  /** The same for all its files on one device, and for those of no other unit. */
  readonly key: string;
  /** For people: `the folder a/b`, `a/b.ulgc and .ulgk`. */
  readonly name: string;
  /** Below which paths that a marker lists are: the folder, with a slash unless it is the source's root. */
  readonly base: string;
  /** The paths that it needs to be complete; the last one is that of the marker. */
  readonly needs: readonly string[];
  readonly isMarker: boolean;
}

/** What a person calls a unit. */
export type UnitKind = 'bag' | 'folder' | 'pair';

export const kindOf = (together: Together): UnitKind =>
  'stem' in together ? 'pair' : isSame(together.folder, BAG_MARKER) ? 'bag' : 'folder';

/** Every ROS 2 bag has it; it is written when the recording ends (rosbag2_storage, MetadataIo). */
export const BAG_MARKER = 'metadata.yaml';

/** Names differ by more than the case of their letters, as in the globs of rules. */
const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Undefined: the rule has no units, or the file is in none of them. */
export function unitOf(path: string, together: Together | undefined): UnitOfFile | undefined {
  if (!together) return undefined;
  const base = path.slice(0, path.lastIndexOf('/') + 1);
  if ('folder' in together) {
    const marker = `${base}${together.folder}`;
    const name = base === '' ? 'the top folder' : `the folder ${base.slice(0, -1)}`;
    return { key: `folder ${base}`, name, base, needs: [marker], isMarker: isSame(path, marker) };
  }
  const extension = extensionIn(path.slice(base.length), together.stem);
  if (extension === undefined) return undefined;
  const stem = path.slice(0, -extension.length);
  const needs = together.stem.map(one => `${stem}${one}`);
  const [first = '', ...others] = needs;
  const name = [first, ...others.map(one => one.slice(stem.length - 1))].join(' and ');
  return { key: `stem ${stem}`, name, base, needs, isMarker: isSame(path, needs.at(-1) ?? '') };
}

/** The longest that fits; a name is more than its extension. */
function extensionIn(name: string, extensions: readonly string[]): string | undefined {
  const fitting = extensions.filter(
    one => name.length > one.length + 1 && isSame(name.slice(-one.length - 1), `.${one}`),
  );
  return fitting.sort((a, b) => b.length - a.length)[0];
}

/**
 * Whether a rule has to take the path because it takes other files of its unit: `takes` says of a path whether include and exclude
 * take it, `takesIn` whether include takes files of a folder.
 */
export function takesPartner(
  path: string,
  together: Together | undefined,
  takes: (path: string) => boolean,
  takesIn: (path: string) => boolean,
): boolean {
  const unit = unitOf(path, together);
  if (!unit || !together) return false;
  return 'folder' in together ? unit.isMarker && takesIn(path) : unit.needs.some(takes);
}

/** The globs of include with the marker in place of their last parts: they take the markers of the folders whose files they take. */
export function markerGlobs(include: readonly string[], together: Together | undefined): string[] {
  if (!together || !('folder' in together)) return [];
  const marker = together.folder.replace(/[\\*?[\](){}!+@]/g, '\\$&');
  return include.map(glob => {
    const folder = glob.slice(0, glob.lastIndexOf('/') + 1);
    // `{a/b,c}.mcap`: that slash is no end of a folder in every name.
    const isInBraces = (folder.match(/[{(]/g)?.length ?? 0) > (folder.match(/[})]/g)?.length ?? 0);
    return isInBraces || glob.slice(folder.length) === '**' ? glob : `${folder}${marker}`;
  });
}

interface Settling {
  readonly file: { readonly path: string };
  readonly plan: { readonly together?: Together };
}

/**
 * Those of the settled files that may be taken: none of a database of which another file still changes, and no marker of a unit of
 * which another file does. Markers are the last ones.
 */
export function takenTogether<One extends Settling>(settled: readonly One[], listed: readonly One[]): One[] {
  const still = new Set(settled);
  const moving = listed.filter(one => !still.has(one));
  const databases = new Set(moving.map(({ file }) => mainOf(file.path)));
  const units = new Set(moving.map(one => placeOf(one)?.key));
  const parts: One[] = [];
  const markers: One[] = [];
  for (const one of settled) {
    const unit = placeOf(one);
    if (databases.has(mainOf(one.file.path))) continue;
    if (!unit?.isMarker) parts.push(one);
    else if (!units.has(unit.key)) markers.push(one);
  }
  return [...parts, ...markers];
}

const placeOf = ({ file, plan }: Settling): UnitOfFile | undefined => unitOf(file.path, plan.together);
