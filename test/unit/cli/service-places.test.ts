import assert from 'node:assert/strict';
import { assertServicePlaces } from '../../../src/cli/service-places.js';
import { parseMountinfo } from '../../../src/devices/disk/mountinfo.js';
import { failsWith } from '../../conformance/support.js';

const STATE_DIRECTORY = '/var/lib/filesync:/var/lib/filesync/archive';
const IN_STATE = { local: '/var/lib/filesync/data', database: '/var/lib/filesync/filesync.json' };

/** Of a service under `ProtectSystem=strict` with `ReadWritePaths=/mnt /srv/logs`. */
const kernel = {
  mounts: async () =>
    parseMountinfo(
      [
        '131 58 8:2 / / ro,relatime - ext4 /dev/sda2 rw',
        '132 131 8:2 /var/lib/filesync /var/lib/filesync rw,relatime - ext4 /dev/sda2 rw',
        '133 131 8:2 /mnt /mnt rw,relatime - ext4 /dev/sda2 rw',
        '134 131 8:2 /srv/logs /srv/logs rw,relatime - ext4 /dev/sda2 rw',
        '',
      ].join('\n'),
    ),
};

const refusal = async (config: Parameters<typeof assertServicePlaces>[0]) =>
  (await failsWith(() => assertServicePlaces(config, { STATE_DIRECTORY }, kernel), 'config')).message;

describe('places of a service', () => {
  it('are refused where the unit lets the service only read, with the remedy', async () => {
    assert.match(
      await refusal({ ...IN_STATE, local: '/etc/filesync/data' }),
      /^local: the service may not write to \/etc\/filesync\/data: .*below \/var\/lib\/filesync, .*ReadWritePaths=/,
    );
    assert.match(await refusal({ ...IN_STATE, database: '/srv/logs2/x.json' }), /^database: /);
  });

  it('are accepted in the folders of the service, and where ReadWritePaths= lets it write', async () => {
    await assertServicePlaces(IN_STATE, { STATE_DIRECTORY }, kernel);
    for (const local of ['/srv/logs/data', '/srv/logs', '/mnt/ssd/data'])
      await assertServicePlaces({ ...IN_STATE, local }, { STATE_DIRECTORY }, kernel);
  });

  it('are not looked at without a service manager', async () => {
    await assertServicePlaces({ local: '/etc/data', database: '/etc/data/filesync.json' }, {}, kernel);
  });
});
