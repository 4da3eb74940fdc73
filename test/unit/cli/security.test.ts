import assert from 'node:assert/strict';
import * as z from 'zod';
import type { Config } from '../../../src/config/config.js';
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
    const config = { file: '/x.yaml', folder: '/', devices } as unknown as Config;
    const warnings = await securityWarnings(config, {});
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^devices\.nas-true\.insecure: .*leave insecure out/);
  });
});
