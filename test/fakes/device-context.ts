import { resolve } from 'node:path';
import type { DeviceContext } from '../../src/config/definition.js';
import { FileSyncError } from '../../src/errors.js';
import { systemClock } from '../../src/system/clock.js';
import { RecordingLogger } from './recording-logger.js';

/** What a device under test is given: the real clock, a logger that remembers, and no secrets but literal ones. */
export function deviceContext(over: Partial<DeviceContext> = {}): DeviceContext {
  return {
    name: 'device',
    clock: systemClock,
    logger: new RecordingLogger(),
    random: () => 1,
    secret: ref => {
      if (typeof ref === 'string') return ref;
      throw new FileSyncError('config', 'there are no secrets in this test');
    },
    env: {},
    vehicle: 'vehicle-1',
    local: '/nowhere/local',
    resolvePath: path => resolve(path),
    ...over,
  };
}
