import assert from 'node:assert/strict';
import { loadConfig } from '../../../src/config/load.js';
import { deviceTypes } from '../../../src/devices/registry.js';

const FILE = '/etc/filesync/filesync.yaml';
const parts = { env: { HOME: '/home/pilot' }, deviceTypes };

/** What is wrong with the configuration; undefined if it is accepted. */
const errorOf = (device: string): Promise<string | undefined> =>
  loadConfig(FILE, { ...parts, readFile: async () => `devices:\n  it: ${device}\nrules: []\n` }).then(
    () => undefined,
    (error: Error) => error.message,
  );

describe('the keys that limit a link', () => {
  for (const url of ['udp://:14540@10.41.0.2:14550', 'tcp://drone.local:5760', 'udp://@[fd00::1]'])
    it(`are taken of a vehicle at ${url}`, async () => {
      const limits = 'over: [wlan0], unmetered: true, hours: "22:00-06:00", max_rate: 50kB/s';
      assert.equal(await errorOf(`{ type: mavlink, url: "${url}", ${limits} }`), undefined);
    });

  for (const url of ['udp://:14540@', 'udp-b://@', 'udp-pb://:14540@:14550', 'tcp-l://:5760'])
    for (const [key, value] of [
      ['over', '[wlan0]'],
      ['unmetered', 'true'],
    ] as const)
      it(`${key} needs the address of the vehicle, which is not in ${url}`, async () => {
        const error = (await errorOf(`{ type: mavlink, url: "${url}", ${key}: ${value} }`)) ?? '';
        assert.match(
          error,
          new RegExp(`devices\\.it\\.${key}: .*address of the vehicle.*udp://:14540@HOST:PORT`),
        );
        assert.equal(await errorOf(`{ type: mavlink, url: "${url}", hours: "22:00-06:00" }`), undefined);
        assert.equal(await errorOf(`{ type: mavlink, url: "${url}", unmetered: false }`), undefined);
      });

  it('over and unmetered make no sense at a serial port', async () => {
    const serial = 'type: mavlink, url: "serial:///dev/ttyACM0"';
    const error = (await errorOf(`{ ${serial}, over: [wlan0], unmetered: true }`)) ?? '';
    assert.match(error, /devices\.it\.over: .*no network: a serial port/);
    assert.match(error, /devices\.it\.unmetered: .*no network: a serial port/);
    assert.equal(await errorOf(`{ ${serial}, hours: "22:00-06:00" }`), undefined);
  });

  it('over and unmetered are refused for mavros, which has the link itself', async () => {
    const error = (await errorOf('{ type: mavros, over: [wlan0], unmetered: true }')) ?? '';
    assert.match(error, /devices\.it\.over: .*MAVROS, not this program, .*use type: mavlink/);
    assert.match(error, /devices\.it\.unmetered: .*MAVROS, not this program/);
    assert.equal(await errorOf('{ type: mavros, hours: "22:00-06:00", max_rate: 50kB/s }'), undefined);
  });

  for (const device of ['{ type: directory, path: /a', '{ type: disk, uuid: 66F8-E5D9'])
    for (const limit of ['over: [wlan0]', 'unmetered: true', 'hours: "22:00-06:00"', 'max_rate: 50kB/s'])
      it(`${limit} is refused in ${device} }, which needs no network`, async () => {
        const error = (await errorOf(`${device}, ${limit} }`)) ?? '';
        assert.match(error, /not reached through a network.*set it for the devices that its files go to/);
      });
});
