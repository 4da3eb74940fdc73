import { concat, concatMap, firstValueFrom, NEVER, takeWhile, type Observable } from 'rxjs';
import type { DeviceStatus } from '../engine/devices.js';
import { UNKNOWN } from '../system/availability.js';
import { FileSyncError } from '../errors.js';

export interface MisconfigurationOptions {
  /** What may work later without a change to the configuration is no error. */
  readonly onlyPermanent?: boolean;
}

/** Rejects with `config` if a device's first status is that its configuration cannot work; else never settles. */
export async function misconfiguration(
  devices: Observable<readonly DeviceStatus[]>,
  { onlyPermanent = false }: MisconfigurationOptions = {},
): Promise<never> {
  const isWrong = ({ misconfigured }: DeviceStatus) =>
    misconfigured === true || (misconfigured === 'temporarily' && !onlyPermanent);
  const isKnown = ({ reason }: DeviceStatus) => reason !== UNKNOWN.reason;
  const start = devices.pipe(takeWhile(all => !all.every(isKnown), true));
  const wrong = start.pipe(concatMap(all => all.filter(isWrong)));
  const { name, reason } = await firstValueFrom(concat(wrong, NEVER));
  throw new FileSyncError('config', `devices.${name}: ${reason}`);
}
