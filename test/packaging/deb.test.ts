import assert from 'node:assert/strict';
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { debootstrap, run, succeeds, whyNoMachine } from './machine.js';
import { buildPackage, nextVersion, nodePackage } from './packages.js';

const MAX_TEST_MS = 180_000;
/** The folder is $0, the script $1. */
const IN_CHROOT = 'mount -t proc proc "$0/proc"; exec chroot "$0" sh -ec "$1"';
const skipped = whyNoMachine();

describe(`Debian package (runs only with FILESYNC_PACKAGING=1)${skipped}`, function () {
  this.timeout(MAX_TEST_MS);
  let folder: string;
  let remove: () => Promise<void>;
  let chroot: string;
  let built: string;

  before(async function () {
    if (skipped) return this.skip();
    ({ path: folder, remove } = await temporaryFolder());
    chroot = join(folder, 'chroot');
    [built] = await Promise.all([
      buildPackage(join(folder, 'built')),
      debootstrap(chroot, ['systemd-standalone-sysusers', 'libstdc++6']),
    ]);
    await copyFile(await nodePackage(folder), join(chroot, 'nodejs.deb'));
    await copyFile(built, join(chroot, 'filesync.deb'));
    await copyFile(await nextVersion(folder, built), join(chroot, 'next.deb'));
  });
  after(() => remove?.());

  /** Runs a script of the shell as root in the chroot. */
  const inside = (script: string) => run('unshare', '--mount', 'sh', '-c', IN_CHROOT, chroot, script);

  it('is the same, byte for byte, when it is built again', async () => {
    const again = await buildPackage(join(folder, 'again'));
    assert.ok((await readFile(again)).equals(await readFile(built)));
  });

  it('is installed: the user is made, the unit is enabled and secrets are not for all', async () => {
    await succeeds(inside('dpkg -i /nodejs.deb /filesync.deb'));
    const rights = await succeeds(inside('stat -c "%a %U:%G" /etc/filesync/*; id -nG filesync'));
    assert.deepEqual(rights.trim().split('\n'), [
      '640 root:filesync',
      '640 root:filesync',
      'filesync dialout plugdev',
    ]);
    const wants = '/etc/systemd/system/multi-user.target.wants/filesync.service';
    await succeeds(
      inside(`test -h ${wants} && cmp /etc/filesync/filesync.yaml /usr/share/filesync/filesync.yaml`),
    );
  });

  it('starts, as the user of the service, with the configuration that it brings', async () => {
    const manifest = new URL('../../package.json', import.meta.url);
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    const printed = await succeeds(inside('cd /; runuser -u filesync -- filesync --version'));
    assert.equal(printed.trim(), version);
    const { code, stdout } = await inside('cd /; runuser -u filesync -- filesync check');
    // No vehicle is there.
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^ok {4}\/etc\/filesync\/filesync\.yaml: valid$/m);
  });

  it('shows the demo with what it brings', async () => {
    const stdout = await succeeds(inside('cd /; runuser -u filesync -- filesync demo'));
    assert.match(stdout, /2 of 2 flight logs are whole everywhere/);
  });

  it('opens serial ports with the binding that it brings', async () => {
    const script = `import { SerialPort } from 'serialport';
      new SerialPort({ path: '/dev/null', baudRate: 57600 }, error => console.log(String(error)));`;
    const file = 'usr/lib/filesync/dist/serial.mjs';
    await writeFile(join(chroot, file), script);
    const stdout = await succeeds(inside(`node /${file}; rm /${file}`));
    assert.match(stdout, /Inappropriate ioctl/);
  });

  it('is upgraded without a change to an edited configuration', async () => {
    const file = join(chroot, 'etc/filesync/filesync.yaml');
    await appendFile(file, '# edited\n');
    await succeeds(inside('dpkg -i /next.deb && dpkg -s filesync | grep "^Version:.*+next"'));
    assert.match(await readFile(file, 'utf8'), /^# edited$/m);
    assert.match(await succeeds(inside('stat -c "%a %G" /etc/filesync/filesync.yaml')), /^640 filesync$/m);
  });

  it('keeps configuration and files when it is removed', async () => {
    await succeeds(inside('install -d -o filesync /var/lib/filesync/data && dpkg -r filesync'));
    await succeeds(inside('test -e /etc/filesync/filesync.yaml && test -d /var/lib/filesync/data'));
  });

  it('removes its own state when it is purged, but no flight log', async () => {
    const [log, database] = ['/var/lib/filesync/data/flight.ulg', '/var/lib/filesync/filesync.json'];
    await succeeds(
      inside(`touch ${log} ${database} && dpkg --purge filesync && test -e ${log} && ! test -e ${database}`),
    );
    const find =
      'find / -xdev -name "*filesync*" ! -path "/proc/*" ! -path "/var/log/*" ! -path "/var/lib/filesync*" ! -name filesync.deb';
    assert.equal(await succeeds(inside(find)), '');
  });
});
