import assert from 'node:assert/strict';
import { BehaviorSubject, firstValueFrom } from 'rxjs';
import { DeviceHub, type Device } from '../../../src/pipeline/hub.js';
import { systemClock } from '../../../src/system/clock.js';
import { MemorySource } from '../../fakes/memory-source.js';

/** What is told of the devices, by name. */
async function toldOf(devices: readonly Device[]): Promise<string[]> {
  const hub = new DeviceHub(devices, systemClock, new BehaviorSubject(false));
  return (await firstValueFrom(hub.status())).map(({ name }) => name);
}

describe('DeviceHub', () => {
  it('tells of the devices that rules use, whatever else is configured', async () => {
    const used = { name: 'cam', type: 'memory', source: new MemorySource() };
    assert.deepEqual(await toldOf([used, { name: 'spare', type: 'memory' }]), ['cam']);
  });

  it('tells at once that there are none', async () => {
    assert.deepEqual(await toldOf([]), []);
    assert.deepEqual(await toldOf([{ name: 'spare', type: 'memory' }]), []);
  });
});
