import { FileState } from '../../src/ports.js';
import { stateName, stateOf } from '../../src/record/state.js';
import type { CrashFs } from '../model/crash-fs.js';
import type { Ended } from './machine.js';
import type { Plan } from './plan.js';

const LOCAL_COPY = /^\/local\/card\/(?!.*\.(?:part|corrupt\d*)$)(.+)$/;
const ON_SOURCE = /^\/card\/(.+)$/;

/**
 * Complaints that come while processes run: at the moment when a file loses its name on the source or in local storage, no
 * power cut may take it from the target any more.
 */
export function watchRemovals(fs: CrashFs, plan: Plan): string[] {
  const complaints: string[] = [];
  fs.onUnlink = path => {
    const [, name = ''] = ON_SOURCE.exec(path) ?? LOCAL_COPY.exec(path) ?? [];
    const bytes = plan.files.get(name);
    if (bytes && !fs.isDurable(onTarget(name), bytes))
      complaints.push(`${path} was removed before the target had it for certain`);
  };
  return complaints;
}

/** What is not as it must be after a complete pass. */
export function complaintsAtEnd(fs: CrashFs, plan: Plan, ended: Ended): string[] {
  return [...onTargets(fs, plan), ...atHome(fs, plan), ...inDatabase(plan, ended)];
}

const onTarget = (name: string): string => `/archive/${name}`;

/** Nothing lost, corrupt, duplicated or left over on the target. */
function onTargets(fs: CrashFs, { files }: Plan): string[] {
  const wanted = new Set([...files.keys()].map(onTarget));
  const extra = below(fs, '/archive/').filter(path => !wanted.has(path));
  return [
    ...extra.map(path => `${path} should not be there`),
    ...[...files].flatMap(([name, bytes]) => onTargetAs(fs, onTarget(name), bytes)),
  ];
}

function onTargetAs(fs: CrashFs, path: string, bytes: Uint8Array): string[] {
  const found = fs.get(path);
  if (!found) return [`${path} is lost`];
  if (!found.content.equals(bytes)) return [`${path} is corrupt`];
  return fs.isDurable(path, bytes) ? [] : [`${path} counts as delivered and would not survive a power cut`];
}

/** The source and local storage hold what the rule says. */
function atHome(fs: CrashFs, { rule, files }: Plan): string[] {
  const kept = rule.after.source === 'keep' ? [...files.keys()].map(name => `/card/${name}`) : [];
  const copied = rule.via === 'local' && rule.after.local.kind === 'keep';
  const copies = copied ? [...files.keys()].map(name => `/local/card/${name}`) : [];
  return [
    ...differences(below(fs, '/card/'), kept),
    ...differences(
      below(fs, '/local/').filter(path => !/\.corrupt\d*$/.test(path)),
      copies,
    ),
  ];
}

function differences(found: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...found.filter(path => !wanted.includes(path)).map(path => `${path} should not be there`),
    ...wanted.filter(path => !found.includes(path)).map(path => `${path} is missing`),
  ];
}

/**
 * A file that a killed process has removed, and that a power cut brings back after another process has missed it, may have a record
 * for each time that it was there.
 */
function inDatabase({ files }: Plan, { records }: Ended): string[] {
  const { UPLOADED, REMOVED } = FileState;
  const states = (name: string) => records.filter(({ path }) => path === name).map(stateOf);
  return [...files.keys()].flatMap(name => {
    const found = states(name);
    const isRight = found.length > 0 && found.every(state => state === UPLOADED || state === REMOVED);
    return isRight ? [] : [`${name} is in the database as ${found.map(stateName).join(', ') || 'nothing'}`];
  });
}

const below = (fs: CrashFs, folder: string): string[] => fs.paths().filter(path => path.startsWith(folder));
