import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { debootstrap, Machine, whyNoMachine } from './machine.js';
import { buildPackage, nodePackage } from './packages.js';

const MAX_TEST_MS = 500_000;
const MAX_DELIVERY_S = 180;
const skipped = whyNoMachine();
const LOG = fileURLToPath(new URL('../data/flight-appended.ulg', import.meta.url));
const PACKAGES = [
  'systemd-sysv',
  'libpam-systemd',
  'dbus',
  'polkitd',
  'udisks2',
  'libstdc++6',
  'iproute2',
  'vsftpd',
];
const SECRET = 'correct-horse';

/** The vehicle sends to another port than 14540, as one does beside MAVROS. */
const CONFIGURATION = `local: /var/lib/filesync/data
database: /var/lib/filesync/filesync.json
devices:
  autopilot: { type: mavlink, url: "udp://127.0.0.1:14541@", root: /fs/microsd/log }
  archive: { type: ftp, host: 127.0.0.1, user: drone, password: { env: ARCHIVE_PASSWORD } }
rules:
  - { from: autopilot, to: [archive], include: ["**/*.ulg"] }
`;

/** What the newcomer's machine has before: an FTP server with an account, and a simulated vehicle with one log. */
const SURROUNDINGS = `useradd --create-home drone
echo drone:${SECRET} | chpasswd
printf 'listen=YES\\nlisten_ipv6=NO\\nlocal_enable=YES\\nwrite_enable=YES\\nchroot_local_user=YES\\nallow_writeable_chroot=YES\\n' > /etc/vsftpd.conf
systemctl restart vsftpd`;

/**
 * A newcomer on a fresh Debian 12, from the package to the first log on a server. `FILESYNC_TRANSCRIPT=FILE` writes down what
 * was typed and printed.
 */
describe(`newcomer (runs only with FILESYNC_PACKAGING=1)${skipped}`, function () {
  this.timeout(MAX_TEST_MS);
  let machine: Machine;
  let remove: () => Promise<void>;
  const transcript: string[] = [];

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
    await mkdir(join(root, 'srv/sd/fs/microsd/log/2026-05-01'), { recursive: true });
    await copyFile(LOG, join(root, 'srv/sd/fs/microsd/log/2026-05-01/10_00_00.ulg'));
    machine = await Machine.boot(root);
    await machine.succeeds(SURROUNDINGS);
  });
  after(async () => {
    const file = process.env['FILESYNC_TRANSCRIPT'];
    if (file && transcript.length > 0) await writeFile(file, transcript.join('\n'));
    await machine?.stop();
    await remove?.();
  });

  /** What a person types as root, and sees. */
  async function types(command: string): Promise<string> {
    const { code, stdout, stderr } = await machine.run(`cd /root; ${command}`);
    const printed = `${stdout}${stderr}`.split('\n').filter(line => !/Reading database|debconf/.test(line));
    transcript.push(`$ ${command}`, printed.join('\n'));
    assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
    return stdout;
  }

  /** The editor's part; the answers to `filesync init` will stand in its place. */
  async function configures(): Promise<void> {
    const folder = join(machine.folder, 'etc/filesync');
    await writeFile(join(folder, 'filesync.yaml'), CONFIGURATION);
    await writeFile(join(folder, 'filesync.env'), `ARCHIVE_PASSWORD=${SECRET}\n`);
    transcript.push('$ editor /etc/filesync/filesync.yaml', CONFIGURATION);
    transcript.push('$ editor /etc/filesync/filesync.env', 'ARCHIVE_PASSWORD=...\n');
  }

  it('installs the package, configures it, and has the first log on the server', async () => {
    await types('apt-get install -qq -y ./nodejs.deb ./filesync.deb');
    await machine.succeeds(
      'systemd-run -q --unit=vehicle filesync sim /srv/sd --listen 127.0.0.1:14580 --to 127.0.0.1:14541',
    );
    await configures();
    const check = await types(
      'systemd-run -q --pipe --wait -p User=filesync -p EnvironmentFile=-/etc/filesync/filesync.env filesync check',
    );
    assert.match(check, /^ok +autopilot/m);
    assert.match(check, /^ok +archive/m);
    await types('systemctl restart filesync');
    const uploaded = 'until runuser -u filesync -- filesync status | grep -q " 1 UPLOADED"; do sleep 1; done';
    const { code } = await machine.run(`cd /; timeout ${MAX_DELIVERY_S} sh -c '${uploaded}'`);
    assert.equal(code, 0, await machine.succeeds('journalctl -u filesync --no-pager -o cat'));
    const arrived = join(machine.folder, 'home/drone/autopilot/2026-05-01/10_00_00.ulg');
    assert.ok((await readFile(arrived)).equals(await readFile(LOG)));
    const status = await types('systemctl status filesync --no-pager --lines=0');
    assert.match(status, /Status: "all delivered"/);
    assert.match(await types('runuser -u filesync -- filesync files'), /10_00_00\.ulg/);
    assert.match(await types('journalctl -u filesync --no-pager -o cat'), /delivered to/);
    assert.equal(transcript.join('\n').includes(SECRET), false);
  });
});
