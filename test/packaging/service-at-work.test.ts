import assert from 'node:assert/strict';
import { appendFile, copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { debootstrap, Machine, whyNoMachine } from './machine.js';
import { buildPackage, nextVersion, nodePackage } from './packages.js';

const MAX_TEST_MS = 300_000;
const skipped = whyNoMachine();
const PACKAGES = [
  'systemd-sysv',
  'dbus',
  'libpam-systemd',
  'polkitd',
  'udisks2',
  'libstdc++6',
  'e2fsprogs',
  'iproute2',
];
const UUID = '7295bbc3-bbc2-4267-9fa0-099e10ef5bf0';
const RULE = 'usr/share/polkit-1/rules.d/50-filesync.rules';

/** A drive made of a file, with one picture, and what udev, which does not run here, would have written of it. */
const INSERT = `truncate -s 32M /var/tmp/drive.img
mkfs.ext4 -q -F -L FLIR -U ${UUID} /var/tmp/drive.img
node=$(losetup -f --show /var/tmp/drive.img)
mount $node /mnt && mkdir /mnt/DCIM && echo picture > /mnt/DCIM/a.jpg && chmod 777 /mnt/DCIM && umount /mnt
mkdir -p /run/udev/data && touch /run/udev/control
cat > /run/udev/data/b7:\${node#/dev/loop} <<END
I:1
E:ID_FS_USAGE=filesystem
E:ID_FS_TYPE=ext4
E:ID_FS_UUID=${UUID}
E:ID_FS_UUID_ENC=${UUID}
E:ID_FS_LABEL=FLIR
E:ID_FS_LABEL_ENC=FLIR
E:UDISKS_SYSTEM=0
END
systemctl restart udisks2
echo $node`;

const CONFIGURATION = `local: /var/lib/filesync/data
database: /var/lib/filesync/filesync.json
interval: 1s
devices:
  camera: { type: disk, uuid: ${UUID} }
  archive: { type: directory, path: /var/lib/filesync/archive }
rules:
  - { from: camera, to: [archive], include: ['**/*.jpg'], settle: 1s, delete_after: 1s, after: { source: delete } }
`;

describe(`service under systemd (runs only with FILESYNC_PACKAGING=1)${skipped}`, function () {
  this.timeout(MAX_TEST_MS);
  let machine: Machine;
  let remove: () => Promise<void>;
  let drive = '';

  before(async function () {
    if (skipped) return this.skip();
    const folder = await temporaryFolder();
    ({ remove } = folder);
    const root = join(folder.path, 'machine');
    const [built] = await Promise.all([
      buildPackage(join(folder.path, 'built')),
      debootstrap(root, PACKAGES),
    ]);
    await copyFile(await nodePackage(folder.path), join(root, 'root/nodejs.deb'));
    await copyFile(built, join(root, 'root/filesync.deb'));
    await copyFile(await nextVersion(folder.path, built), join(root, 'root/next.deb'));
    machine = await Machine.boot(root);
  });
  after(async () => {
    if (drive) await machine.run(`umount -l ${drive} || true; losetup -d ${drive}`);
    await machine?.stop();
    await remove?.();
  });

  const file = (path: string) => join(machine.folder, path);
  const configure = (text: string) => writeFile(file('etc/filesync/filesync.yaml'), text);
  const property = async (name: string) =>
    (await machine.succeeds(`systemctl show -P ${name} filesync`)).trim();
  const becomes = (name: string, value: RegExp) => eventually(async () => value.test(await property(name)));
  const journal = () => machine.succeeds('journalctl -u filesync --no-pager -o cat');
  const restart = () => machine.run('systemctl restart filesync');

  it('is installed by apt, enabled, and waits for a configuration', async () => {
    await machine.succeeds('cd /root; apt-get install -y ./nodejs.deb ./filesync.deb');
    assert.equal(await property('UnitFileState'), 'enabled');
    await restart();
    assert.deepEqual(
      [await property('ActiveState'), await property('Result')],
      ['inactive', 'exec-condition'],
    );
  });

  it('is stopped by a wrong configuration, and says what to correct', async () => {
    await configure(CONFIGURATION.replace('interval', 'intervall'));
    await restart();
    await becomes('ActiveState', /^failed$/);
    assert.deepEqual([await property('ExecMainStatus'), await property('NRestarts')], ['2', '0']);
    assert.match(await journal(), /intervall.*did you mean.*interval/i);
  });

  it('is stopped where its own files would be in a folder that the unit protects, and says where they may be', async () => {
    await configure(CONFIGURATION.replace(/^local: .*\ndatabase: .*$/m, 'local: ./data'));
    await restart();
    await becomes('ActiveState', /^failed$/);
    assert.deepEqual([await property('ExecMainStatus'), await property('NRestarts')], ['2', '0']);
    assert.match(
      await journal(),
      /local: the service may not write to \/etc\/filesync\/data: name a place below/,
    );
  });

  it('is active with a status that names what is offline', async () => {
    await configure(CONFIGURATION);
    await restart();
    await becomes('StatusText', /offline: camera \(.* is not plugged in/);
    assert.equal(await property('ActiveState'), 'active');
  });

  it('says that the polkit rule is missing where it is', async () => {
    await rename(file(RULE), file('root/rule'));
    await machine.succeeds('systemctl restart polkit');
    drive = (await machine.succeeds(INSERT)).trim();
    await becomes('StatusText', /camera \(.*udisks does not allow .*50-filesync\.rules/);
  });

  it('mounts a drive through udisks, delivers from it and removes what is delivered', async () => {
    await rename(file('root/rule'), file(RULE));
    await machine.succeeds('systemctl restart polkit');
    await becomes('StatusText', /^(1 file|all \d+ files) delivered$/);
    await eventually(async () => /removed from the source/.test(await journal()));
    assert.equal(await readFile(file('var/lib/filesync/archive/camera/DCIM/a.jpg'), 'utf8'), 'picture\n');
    const mounts = await machine.succeeds('cat /proc/mounts');
    assert.match(mounts, new RegExp(`^${drive} /media/filesync/FLIR ext4 rw,nosuid,nodev,noexec`, 'm'));
  });

  it('is restarted by an upgrade, with the configuration that was edited', async () => {
    const before = await property('MainPID');
    await appendFile(file('etc/filesync/filesync.yaml'), '# edited\n');
    await machine.succeeds('cd /root; apt-get install -y ./next.deb');
    await becomes('ActiveState', /^active$/);
    assert.notEqual(await property('MainPID'), before);
    assert.match(await readFile(file('etc/filesync/filesync.yaml'), 'utf8'), /^# edited$/m);
  });

  it('unmounts the drive when it is stopped', async () => {
    await machine.succeeds('systemctl stop filesync');
    assert.equal(await property('Result'), 'success');
    assert.doesNotMatch(await machine.succeeds('cat /proc/mounts'), /FLIR/);
  });

  it('is stopped by a purge, which keeps what it has delivered', async () => {
    await machine.succeeds('systemctl start filesync; apt-get purge -y filesync');
    assert.equal(
      (await machine.run('pgrep -u filesync || ls /proc/*/exe')).stdout.includes('filesync'),
      false,
    );
    await machine.succeeds('test -e /var/lib/filesync/archive/camera/DCIM/a.jpg');
    await machine.succeeds('! test -e /etc/filesync && ! test -e /var/lib/filesync/filesync.json');
  });
});
