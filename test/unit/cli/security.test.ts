import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Config } from '../../../src/config/config.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { isLocal, securityWarnings } from '../../../src/cli/check/security.js';

describe('a host', () => {
  const local = [
    ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.10', '127.0.0.1', '127.1.1.1', '169.254.3.4'],
    ...['::1', 'fe80::1', 'fe80::1%eth0', 'fd12:3456::1', '::ffff:192.168.1.1'],
    ...['localhost', 'nas', 'nas.local', 'NAS.LOCAL.', 'box.home.arpa', 'x.localhost'],
  ];
  for (const host of local) it(`${host} is local`, () => assert.equal(isLocal(host), true));

  const others = [
    ...['8.8.8.8', '172.32.0.1', '172.15.0.1', '193.168.0.1', '11.0.0.1', '2001:db8::1', '::ffff:8.8.8.8'],
    ...['example.org', 'local.example.org', 'nas.localx', '134744072', '0x08080808', 'xlocal.net'],
  ];
  for (const host of others) it(`${host} is not local`, () => assert.equal(isLocal(host), false));
});

describe('the warnings of check', () => {
  it('name a device that takes any certificate', async () => {
    const options = z.object({ insecure: z.boolean() });
    const type = { type: 'nas', summary: '', options };
    const device = (insecure: boolean) => ({ name: `nas-${insecure}`, type, options: { insecure } });
    const devices = new Map([true, false].map(insecure => [String(insecure), device(insecure)]));
    const config = { file: '/x.yaml', folder: '/', devices, notify: [] } as unknown as Config;
    const warnings = await securityWarnings(config, {});
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^devices\.nas-true\.insecure: .*leave insecure out/);
  });

  it('name secrets of notifications that others can read, on disk and on their way', async () => {
    const { path: folder, remove } = await temporaryFolder();
    try {
      for (const [name, mode] of [
        ['open', 0o644],
        ['closed', 0o600],
      ] as const)
        await writeFile(join(folder, name), 'secret', { mode });
      const entry = { on: ['idle' as const], method: 'POST' as const, body: '{json}' };
      const config = {
        ...{ file: join(folder, 'closed'), folder, devices: new Map() },
        notify: [
          {
            ...entry,
            name: 'notify[0]',
            url: { file: 'open' },
            headers: { Authorization: { file: 'closed' } },
          },
          {
            ...entry,
            name: 'notify[1]',
            url: 'http://ntfy.example.org/x',
            headers: {},
            secret: { env: 'K' },
          },
          { ...entry, name: 'notify[2]', url: 'http://192.168.0.5/x', headers: {}, secret: { env: 'K' } },
        ],
      } as unknown as Config;
      const [open, plain, ...others] = await securityWarnings(config, {});
      assert.match(open ?? '', /^notify\[0\]\.url: every user of this machine may read the secret/);
      assert.match(plain ?? '', /^notify\[1\]: the secret for ntfy\.example\.org travels unencrypted/);
      assert.deepEqual(others, []);
    } finally {
      await remove();
    }
  });
});
