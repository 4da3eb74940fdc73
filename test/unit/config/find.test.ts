import assert from 'node:assert/strict';
import { findConfig } from '../../../src/config/find.js';

const USER = '/home/pilot/.config/filesync/filesync.yaml';
const MACHINE = '/etc/filesync/filesync.yaml';

const find = (there: string[], env: Record<string, string> = {}, explicit?: string) =>
  findConfig({
    ...(explicit !== undefined && { explicit }),
    env,
    home: '/home/pilot',
    exists: async path => there.includes(path),
  });

describe('findConfig', () => {
  it('takes -c FILE before $FILESYNC_CONFIG before the usual places, even if it is not there', async () => {
    assert.equal(await find([USER, MACHINE], { FILESYNC_CONFIG: 'b.yaml' }, 'a.yaml'), 'a.yaml');
    assert.equal(await find([USER, MACHINE], { FILESYNC_CONFIG: 'b.yaml' }), 'b.yaml');
  });

  it("takes the user's before the machine's", async () => {
    assert.equal(await find([USER, MACHINE]), USER);
    assert.equal(await find([MACHINE], { FILESYNC_CONFIG: '' }), MACHINE);
  });

  it('names the places that were searched', async () => {
    await assert.rejects(find([]), {
      kind: 'config',
      message: `no configuration: $FILESYNC_CONFIG is not set, and there is neither ${USER} nor ${MACHINE}; name one with -c FILE, or make one: filesync init`,
    });
  });
});
