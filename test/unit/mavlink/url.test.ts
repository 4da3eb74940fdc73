import assert from 'node:assert/strict';
import { parseLinkUrl } from '../../../src/mavlink/url.js';
import { FileSyncError } from '../../../src/errors.js';
import { mavlink } from '../../../src/devices/mavlink.js';

const udp = (host: string, port: number, remote?: { host: string; port: number }) => ({
  kind: 'udp',
  bind: { host, port },
  ...(remote && { remote }),
});

describe('The address of a MAVLink link', () => {
  for (const [url, address] of Object.entries({
    'udp://0.0.0.0:14540@': udp('0.0.0.0', 14540),
    'udp://:14540@': udp('0.0.0.0', 14540),
    'udp://@': udp('0.0.0.0', 14555),
    'udp://:14540@127.0.0.1:14557': udp('0.0.0.0', 14540, { host: '127.0.0.1', port: 14557 }),
    'udp://@vehicle.local/': udp('0.0.0.0', 14555, { host: 'vehicle.local', port: 14550 }),
    'udp://10.0.0.2:0@10.0.0.1:14580': udp('10.0.0.2', 0, { host: '10.0.0.1', port: 14580 }),
    'udp://[::]:14540@[fe80::1]:14580': udp('::', 14540, { host: 'fe80::1', port: 14580 }),
    'tcp://10.0.0.1:5770': { kind: 'tcp', host: '10.0.0.1', port: 5770 },
    'tcp://10.0.0.1': { kind: 'tcp', host: '10.0.0.1', port: 5760 },
    'tcp://': { kind: 'tcp', host: 'localhost', port: 5760 },
    'udp-b://@': { ...udp('0.0.0.0', 14555), broadcast: { port: 14550, always: false } },
    'udp-pb://:14555@:14551': { ...udp('0.0.0.0', 14555), broadcast: { port: 14551, always: true } },
    'tcp-l://:5770': { kind: 'tcp-l', host: '0.0.0.0', port: 5770 },
    'tcp-l://': { kind: 'tcp-l', host: '0.0.0.0', port: 5760 },
    'udp://:14540@/?ids=1,240': { ...udp('0.0.0.0', 14540), ids: { system: 1, component: 240 } },
    'serial-hwfc:///dev/ttyTHS1:921600?ids=1,191': {
      kind: 'serial',
      path: '/dev/ttyTHS1',
      baudRate: 921600,
      rtscts: true,
      ids: { system: 1, component: 191 },
    },
    'serial:///dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0:115200': {
      kind: 'serial',
      path: '/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0',
      baudRate: 115200,
    },
    'serial:///dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0-port0': {
      kind: 'serial',
      path: '/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0-port0',
      baudRate: 57600,
    },
    'tcp://:5762/': { kind: 'tcp', host: 'localhost', port: 5762 },
    'serial:///dev/ttyACM0:921600': { kind: 'serial', path: '/dev/ttyACM0', baudRate: 921600 },
    'serial:///dev/ttyACM0': { kind: 'serial', path: '/dev/ttyACM0', baudRate: 57600 },
    '/dev/serial/by-id/usb-Auterion:115200': {
      kind: 'serial',
      path: '/dev/serial/by-id/usb-Auterion',
      baudRate: 115200,
    },
  })) {
    it(`can be ${url}`, () => assert.deepEqual(parseLinkUrl(url), address));
  }

  for (const [url, message] of Object.entries({
    '': /is no address/,
    'udp:14540': /is no address/,
    'tcpin://0.0.0.0:5760': /is no address/,
    'unix:///run/mav.sock': /is no address/,
    'udp-b://:14555': /needs one "@"/,
    'http://example.org': /is no address/,
    'constructor://x': /is no address/,
    'udp://0.0.0.0:14540': /needs one "@"/,
    'udp://a@b@c': /needs one "@"/,
    'udp://:14540@:14557': /names a port of the vehicle but no host/,
    'udp://:99999@': /above 65535/,
    'udp://:port@': /no host and port in ":port"/,
    'udp://:14540@/?ids=1,256': /something else than \?ids=/,
    'udp://:14540@/?speed=1': /something else than \?ids=/,
    'tcp://a b:5760': /no host and port/,
    'tcp://[::1:5760': /no host and port/,
    'serial://ttyACM0:57600': /needs a device such as/,
    'serial:///dev/ttyACM0:0': /needs a device such as/,
    '/dev/ttyACM0:fast': /needs a device such as/,
  })) {
    it(`cannot be ${url === '' ? 'empty' : url}`, () => {
      assert.throws(
        () => parseLinkUrl(url),
        (error: unknown) => {
          assert.ok(error instanceof FileSyncError);
          assert.equal(error.kind, 'config');
          assert.match(error.message, message);
          assert.match(error.message, /write it like udp:\/\//);
          return true;
        },
      );
    });
  }
});

describe('The options of a mavlink device', () => {
  const problems = (options: unknown) => {
    const result = mavlink.options.safeParse(options);
    return result.success
      ? []
      : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it('need no more than an address', () => {
    assert.deepEqual(mavlink.options.parse({ url: 'tcp://sim' }), {
      url: { kind: 'tcp', host: 'sim', port: 5760 },
      component_id: 194,
      max_in_flight: 2048,
      max_files: 1_000_000,
      protocol: 'auto',
      unmetered: false,
    });
  });

  it('report what is wrong with an address or a root', () => {
    assert.match(problems({ url: 'udp://x' })[0] ?? '', /^url: udp:\/\/x needs one "@"/);
    assert.match(problems({ url: 'tcp://x', root: 'log' })[0] ?? '', /^root: must be an absolute path/);
    assert.match(problems({ url: 'tcp://x', root: '/log/../etc' })[0] ?? '', /^root: must not contain/);
    assert.equal(problems({ url: 'tcp://x', system_id: 0, component_id: 256, target_system: 1.5 }).length, 3);
  });

  it('accept a root with and without a slash at its end, and an alias', () => {
    const root = (text: string) =>
      (mavlink.options.parse({ url: 'tcp://x', root: text }) as { root: string }).root;
    assert.deepEqual(['/APM/LOGS/', '/APM//LOGS', '/', '@MAV_LOG/'].map(root), [
      '/APM/LOGS',
      '/APM/LOGS',
      '/',
      '@MAV_LOG',
    ]);
  });
});
