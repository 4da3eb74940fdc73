import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { Conversation } from '../e2e/conversation.js';
import { shownAfter } from '../e2e/terminal.js';
import { COLUMNS, debootstrap, Machine, ROWS, whyNoMachine } from './machine.js';
import { buildPackage } from './packages.js';

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
  'sudo',
  'vsftpd',
];
const SECRET = 'correct-horse';
const GUIDE = fileURLToPath(new URL('../../docs/guides/first-hour.md', import.meta.url));

const commandsIn = (text: string) => text.match(/^\$ .*$/gm);

/** The vehicle sends to another port than 14540, as one does beside MAVROS. */
const VEHICLE_PORT = 14541;
const INIT = `sudo filesync init --udp ${VEHICLE_PORT} --output /etc/filesync/filesync.yaml`;
/** What the newcomer answers; the password is not shown. */
const ANSWERS = [
  [`1) PX4, system 1, heard on UDP port ${VEHICLE_PORT}`, '1'],
  ['Another source?', ''],
  ['2) an FTP server', '2'],
  ['Name or address of the server', '127.0.0.1'],
  ['Port', ''],
  ['User', 'drone'],
  ['Password (not shown)', SECRET],
  ['Encrypted (FTPS)?', 'n'],
  ['Folder on the server', '/logs'],
  ['List the files on the vehicle now?', 'y'],
  ['Deliver the files that are there already, too?', ''],
] as const;

/** What the newcomer's machine has before: an FTP server with an account. */
const SURROUNDINGS = `hostname drone
echo 127.0.1.1 drone >> /etc/hosts
useradd --create-home drone
echo drone:${SECRET} | chpasswd
printf 'listen=YES\\nlisten_ipv6=NO\\nlocal_enable=YES\\nwrite_enable=YES\\nchroot_local_user=YES\\nallow_writeable_chroot=YES\\n' > /etc/vsftpd.conf
systemctl restart vsftpd`;

/**
 * A newcomer on a fresh Debian 12, from the package to the first log on a server: what docs/guides/first-hour.md shows.
 * `FILESYNC_TRANSCRIPT=FILE` writes down what was typed and printed.
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
      buildPackage(join(folder.path, 'built'), { NODE: '22' }),
      debootstrap(root, PACKAGES),
    ]);
    await copyFile(built, join(root, 'root', basename(built)));
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
    const printed = `${stdout}${stderr}`
      .split('\n')
      .filter(line => !/Reading database|debconf|apt does not have a stable CLI/.test(line));
    transcript.push(`$ ${command}`, `${printed.join('\n').trimEnd()}\n`);
    assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
    return stdout;
  }

  /** `filesync init`, on a terminal. */
  async function answers(): Promise<void> {
    const conversation = new Conversation(machine.onTerminal(`cd /root && exec ${INIT}`));
    try {
      await conversation.answer(ANSWERS);
      assert.equal(await conversation.ended, 0, conversation.seen);
    } finally {
      await conversation.close();
    }
    const { lines } = await shownAfter(conversation.seen, { columns: COLUMNS, rows: ROWS });
    transcript.push(`$ ${INIT}`, ...lines, '');
  }

  it('installs the package, configures it, and has the first log on the server', async () => {
    await types('sudo apt install -qq -y ./filesync_*.deb');
    await machine.succeeds(
      'systemd-run -q --unit=vehicle filesync sim /srv/sd --listen 127.0.0.1:14580 --to 127.0.0.1:14541',
    );
    await answers();
    const configuration = await types('sudo cat /etc/filesync/filesync.yaml');
    assert.match(configuration, new RegExp(`udp://0.0.0.0:${VEHICLE_PORT}@`));
    const check = await types('sudo -u filesync filesync check');
    assert.match(check, /^ok +autopilot/m);
    assert.match(check, /^ok +archive/m);
    assert.match(await types('sudo -u filesync filesync sync --dry-run'), /1 file/);
    await types('sudo systemctl enable --now filesync');
    const isDone = 'systemctl show --property=StatusText filesync | grep -q "1 file delivered"';
    const uploaded = `until sudo -u filesync filesync status | grep -q " 1 UPLOADED" && ${isDone}; do sleep 1; done`;
    const { code } = await machine.run(`cd /; timeout ${MAX_DELIVERY_S} sh -c '${uploaded}'`);
    assert.equal(code, 0, await machine.succeeds('journalctl -u filesync --no-pager -o cat'));
    const arrived = join(machine.folder, 'home/drone/logs/autopilot/2026-05-01/10_00_00.ulg');
    assert.ok((await readFile(arrived)).equals(await readFile(LOG)));
    await types('sudo -u filesync filesync status');
    const status = await types('systemctl status filesync --no-pager --lines=0');
    assert.match(status, /Status: "1 file delivered"/);
    assert.match(await types('sudo -u filesync filesync files'), /10_00_00\.ulg/);
    assert.match(await types('sudo journalctl -u filesync --no-pager -o cat'), /delivered to/);
    assert.equal(transcript.join('\n').includes(SECRET), false);
    const guide = await readFile(GUIDE, 'utf8');
    assert.deepEqual(commandsIn(guide), commandsIn(transcript.join('\n')));
  });
});
