import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../conformance/temp-folder.js';
import { run, succeeds } from './machine.js';
import { buildPackage } from './packages.js';

const MAX_TEST_MS = 120_000;
/** Offset and values of `e_machine` in the header of an ELF file. */
const MACHINE_OFFSET = 18;
const MACHINES = { amd64: 0x3e, arm64: 0xb7 } as const;

const lacks = async (program: string) =>
  run(program, '--version').then(
    () => '',
    () => `: skipped, this machine has no ${program}`,
  );
const skipped = await lacks('dpkg-deb');
const unlinted = skipped || (await lacks('lintian'));

/** Nothing of it can be run on a machine of another architecture: only what is in it is looked at. */
for (const [ARCH, machine] of Object.entries(MACHINES)) {
  describe(`Debian package for ${ARCH}${skipped}`, function () {
    this.timeout(MAX_TEST_MS);
    let folder: string;
    let built: string;
    let remove: () => Promise<void>;

    before(async function () {
      if (skipped) return this.skip();
      ({ path: folder, remove } = await temporaryFolder());
      built = await buildPackage(join(folder, 'built'), { ARCH });
      await succeeds(run('dpkg-deb', '--extract', built, join(folder, 'root')));
    });
    after(() => remove?.());

    it('is of that architecture, and its only native file is the binding for serial ports', async () => {
      assert.equal((await succeeds(run('dpkg-deb', '-f', built, 'Architecture'))).trim(), ARCH);
      const root = join(folder, 'root');
      const files = await readdir(root, { recursive: true, withFileTypes: true });
      const contents = await Promise.all(
        files
          .filter(file => file.isFile())
          .map(async file => ({ name: file.name, bytes: await readFile(join(file.parentPath, file.name)) })),
      );
      const native = contents.filter(({ bytes }) => bytes.subarray(1, 4).toString() === 'ELF');
      assert.equal(native.length, 1, native.map(({ name }) => name).join());
      assert.match(native[0]?.name ?? '', /serialport.*glibc\.node$/);
      assert.equal(native[0]?.bytes.readUInt16LE(MACHINE_OFFSET), machine);
    });

    it('holds secrets for root and the service alone, and no configuration that is replaced by an upgrade', async () => {
      const listing = await succeeds(run('dpkg-deb', '-c', built));
      assert.match(listing, /^-rw-r----- root\/root .* \.\/etc\/filesync\/filesync\.env$/m);
      assert.match(listing, /^-rw-r----- root\/root .* \.\/etc\/filesync\/filesync\.yaml$/m);
      const conffiles = await succeeds(run('dpkg-deb', '-I', built, 'conffiles'));
      assert.equal(conffiles, '/etc/filesync/filesync.env\n/etc/filesync/filesync.yaml\n');
    });

    it(`has no mistakes that lintian finds${unlinted}`, async function () {
      if (unlinted) return this.skip();
      const { code, stdout } = await run('lintian', '--allow-root', '--fail-on', 'error,warning', built);
      assert.equal(code, 0, stdout);
      assert.equal(stdout, '');
    });
  });
}
