import assert from 'node:assert/strict';
import { accessSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild, type Outcome } from '../../src/system/child.js';
import { temporaryFolder } from '../conformance/temp-folder.js';

const SCRIPT = fileURLToPath(new URL('../../packaging/deb.sh', import.meta.url));
const MAX_TEST_MS = 180_000;
/** The oldest Debian that the package is for. */
const SUITE = 'bookworm';
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

function whyNot(): string {
  const hasProgram = (name: string) => PATH.split(delimiter).some(folder => exists(join(folder, name)));
  const missing = ['dpkg-deb', 'debootstrap', 'unshare'].filter(name => !hasProgram(name));
  if (process.env['FILESYNC_PACKAGING'] !== '1') return ': skipped';
  if (missing.length > 0) return `: skipped, this machine has no ${missing.join(', ')}`;
  return process.getuid?.() === 0 ? '' : ': skipped, it needs root';
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

const skipped = whyNot();

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
    const include = '--include=systemd-standalone-sysusers,libstdc++6';
    const [deb] = await Promise.all([
      build(join(folder, 'built')),
      succeeds(isolated('debootstrap', '--variant=minbase', include, SUITE, chroot)),
    ]);
    built = deb;
    await copyFile(await nodePackage(), join(chroot, 'nodejs.deb'));
    await copyFile(built, join(chroot, 'filesync.deb'));
    await copyFile(await nextVersion(), join(chroot, 'next.deb'));
  });
  after(() => remove?.());

  /** In a mount namespace, so that no mount below the folder is left when the folder is removed. */
  const isolated = (program: string, ...args: string[]) => run('unshare', '--mount', program, ...args);

  const run = (program: string, ...args: string[]) => runIn({}, program, ...args);
  const runIn = (env: Record<string, string>, program: string, ...args: string[]): Promise<Outcome> => {
    const all = { PATH, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...env };
    return runChild(program, args, { env: all, ms: MAX_TEST_MS, remedy: 'none' });
  };

  /** Runs a script of the shell as root in the chroot. */
  const inside = (script: string) =>
    isolated('sh', '-c', `mount -t proc proc "$0/proc"; exec chroot "$0" sh -ec "$1"`, chroot, script);

  const succeeds = async (outcome: Promise<Outcome>): Promise<string> => {
    const { code, stdout, stderr } = await outcome;
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    return stdout;
  };

  /** Gives the path. */
  const build = async (OUTPUT: string): Promise<string> =>
    (await succeeds(runIn({ OUTPUT }, 'bash', SCRIPT))).trim();

  /** Debian's own Node is too old: this machine's one stands for that of the package nodejs. */
  async function nodePackage(): Promise<string> {
    const root = join(folder, 'nodejs');
    const version = process.versions.node;
    await mkdir(join(root, 'DEBIAN'), { recursive: true });
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    const control = { Package: 'nodejs', Version: version, Architecture: 'all', Maintainer: 'x <x@x>' };
    const fields = Object.entries({ ...control, Description: 'Node' }).map(
      ([key, value]) => `${key}: ${value}\n`,
    );
    await writeFile(join(root, 'DEBIAN/control'), fields.join(''));
    await copyFile(process.execPath, join(root, 'usr/bin/node'));
    await succeeds(run('dpkg-deb', '-Znone', '--build', root, `${root}.deb`));
    return `${root}.deb`;
  }

  /** The same package with a higher version. */
  async function nextVersion(): Promise<string> {
    const root = join(folder, 'next');
    await succeeds(run('dpkg-deb', '--raw-extract', built, root));
    const control = join(root, 'DEBIAN/control');
    const text = await readFile(control, 'utf8');
    await writeFile(control, text.replace(/^(Version: .*)$/m, '$1+next'));
    await succeeds(run('dpkg-deb', '-Zgzip', '--build', root, `${root}.deb`));
    return `${root}.deb`;
  }

  it('is the same, byte for byte, when it is built again', async () => {
    const again = await build(join(folder, 'again'));
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
