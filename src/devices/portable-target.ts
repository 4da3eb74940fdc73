import { FileSyncError, toFileSyncError, type ErrorKind } from '../errors.js';
import type { Target } from '../ports.js';
import { hazardsIn, portablePath, type NameStyle } from '../system/portable-names.js';

/** Refusals that can be meant for the name of a file; each server has its own for that. */
const MAY_MEAN_THE_NAME: ReadonlySet<ErrorKind> = new Set([
  'bad-name',
  'busy',
  'denied',
  'io',
  'not-found',
  'protocol',
  'rejected',
  'unsupported',
]);

/**
 * The target, which learns from refusals which names it cannot hold: the file is then sent under a portable one. A refusal that
 * does not name its cause is followed by a trial with two small files.
 */
export function withPortableNames(target: Target, device: string): Target {
  const refused = new Set<string>();
  const refuses = target.refusesName?.bind(target);
  const names = async (path: string, signal: AbortSignal): Promise<NameStyle> => {
    const hazards = hazardsIn(path);
    // A name that looks like an escaped one must differ from those that are escaped from now on.
    const isKnown = hazards.length === 0 ? refused.size > 0 : hazards.some(one => refused.has(one));
    return isKnown ? 'portable' : ((await target.names?.(path, signal)) ?? 'as-is');
  };
  const isRefused = async (path: string, { kind }: FileSyncError, signal: AbortSignal): Promise<boolean> => {
    const hazards = hazardsIn(path);
    if (hazards.length === 0 || !MAY_MEAN_THE_NAME.has(kind)) return false;
    if (kind !== 'bad-name' && !(await refuses?.(path, signal))) return false;
    for (const hazard of hazards) refused.add(hazard);
    return true;
  };
  return {
    get capabilities() {
      return target.capabilities;
    },
    availability: target.availability,
    stat: (path, token, signal) => target.stat(path, token, signal),
    checksum: (path, signal) => target.checksum(path, signal),
    names,
    write: async (file, path, offset, signal, events) => {
      try {
        return await target.write(file, path, offset, signal, events);
      } catch (thrown) {
        const error = toFileSyncError(thrown);
        throw (await isRefused(path, error, signal)) ? renamed(path, device, error) : error;
      }
    },
    ...(target.probe && { probe: target.probe.bind(target) }),
    close: () => target.close(),
  };
}

function renamed(path: string, device: string, cause: FileSyncError): FileSyncError {
  const message = `${cause.message}; it is sent as ${portablePath(path)}`;
  return new FileSyncError('bad-name', message, { device, operation: 'write', path, cause, temporary: true });
}
