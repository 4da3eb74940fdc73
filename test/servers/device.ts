import type { DeviceContext, DeviceType } from '../../src/config/definition.js';
import type { Source, Target } from '../../src/ports.js';
import { deviceContext } from '../fakes/device-context.js';

/** The target end of a device, made as the program makes it: from options as a person writes them. */
export async function makeTarget(
  type: DeviceType,
  options: unknown,
  over: Partial<DeviceContext> = {},
): Promise<Target> {
  const target = await type.target?.(type.options.parse(options), deviceContext(over));
  if (!target) throw new Error(`${type.type} is no target`);
  return target;
}

/** Likewise the source end. */
export async function makeSource(
  type: DeviceType,
  options: unknown,
  over: Partial<DeviceContext> = {},
): Promise<Source> {
  const source = await type.source?.(type.options.parse(options), deviceContext(over));
  if (!source) throw new Error(`${type.type} is no source`);
  return source;
}
