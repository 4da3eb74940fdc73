import type { DeviceContext, DeviceType } from '../../config/definition.js';
import { deviceTypes } from '../../devices/registry.js';
import { FileSyncError, toFileSyncError } from '../../errors.js';
import type { Availability } from '../../ports.js';
import { MANY_FILES } from '../../rules/first-contact.js';
import { UNKNOWN } from '../../system/availability.js';
import { withDeadline } from '../../system/deadline.js';
import { settled } from '../check/listing.js';
import type { DeviceAnswer } from './answers.js';

const LIST_TIMEOUT_MS = 15_000;

/** What is wrong with the options, a line each; none if they are right. */
export function problemsOf({ options: { type, ...options } }: DeviceAnswer): readonly string[] {
  const { success, error } = typeNamed(type).options.safeParse(options);
  return success ? [] : error.issues.map(({ path, message }) => [...path, message].join(': '));
}

/** Whether the target can be reached now. Rejects with `cancelled` only. */
export async function tryTarget(
  { options: { type, ...options } }: DeviceAnswer,
  context: DeviceContext,
  signal: AbortSignal,
): Promise<Availability> {
  try {
    const kind = typeNamed(type);
    const target = await kind.target?.(kind.options.parse(options), context);
    if (!target) return UNKNOWN;
    return await settled(target.availability, signal).finally(() => target.close());
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return { ...UNKNOWN, reason: toFileSyncError(thrown).message };
  }
}

/** Files that the source has, counted up to MANY_FILES + 1. Throws if it cannot be listed. */
export async function countFiles(
  { options: { type, ...options } }: DeviceAnswer,
  context: DeviceContext,
  signal: AbortSignal,
): Promise<number> {
  const kind = typeNamed(type);
  const source = await kind.source?.(kind.options.parse(options), context);
  if (!source) return 0;
  const watching = source.availability.subscribe();
  const count = async (over: AbortSignal) => {
    let files = 0;
    for await (const _file of source.list(over)) if (++files > MANY_FILES) break;
    return files;
  };
  try {
    return await withDeadline(count, { ms: LIST_TIMEOUT_MS, signal, clock: context.clock, late: tooLate });
  } finally {
    watching.unsubscribe();
    await source.close();
  }
}

const tooLate = () => new FileSyncError('timeout', `no whole listing within ${LIST_TIMEOUT_MS / 1000} s`);

function typeNamed(name: string): DeviceType {
  const type = deviceTypes.find(({ type }) => type === name);
  if (!type) throw new FileSyncError('config', `there is no device type ${name}`);
  return type;
}
