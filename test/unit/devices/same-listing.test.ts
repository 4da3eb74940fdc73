import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { SameListing } from '../../../src/devices/directory/same-listing.js';
import { DirectorySource } from '../../../src/devices/directory/source.js';
import type { SourceFile } from '../../../src/ports.js';
import { collect, listed } from '../../conformance/support.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { HangingMount, whyNoFuse } from '../../servers/hanging-mount.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const DAY_MS = 24 * 3_600_000;

describe('a mount whose listing never changes', () => {
  const A = { path: 'a.jpg', size: 1, modified: 1000 };
  const B = { path: 'b.jpg', size: 2, modified: 2000 };

  async function* stream(files: readonly SourceFile[]) {
    yield* files;
  }

  /** Lists the files at each of the hours; returns at which of them that was reported. */
  async function reportsAt(
    listings: readonly (readonly [number, readonly SourceFile[]])[],
  ): Promise<number[]> {
    const clock = new VirtualClock();
    const reported: number[] = [];
    const hours = () => clock.monotonic() / 3_600_000;
    const same = new SameListing(clock, () => reported.push(hours()));
    for (const [hour, files] of listings) {
      await clock.advance((hour - hours()) * 3_600_000);
      const passed: SourceFile[] = [];
      for await (const file of same.follow(stream(files))) passed.push(file);
      assert.deepEqual(passed, files);
    }
    return reported;
  }

  const both = [A, B];
  for (const [what, listings, expected] of [
    [
      'is reported after a day, once',
      [
        [0, both],
        [23, both],
        [24, both],
        [30, both],
      ],
      [24],
    ],
    [
      'is the same in another order',
      [
        [0, both],
        [24, [B, A]],
      ],
      [24],
    ],
    [
      'is reported when it is empty',
      [
        [0, []],
        [25, []],
      ],
      [25],
    ],
    [
      'is not reported after a new file',
      [
        [0, [A]],
        [23, both],
        [26, both],
      ],
      [],
    ],
    [
      'is not reported after another time',
      [
        [0, [A]],
        [24, [{ ...A, modified: 1001 }]],
      ],
      [],
    ],
    [
      'is not reported after another size',
      [
        [0, [A]],
        [24, [{ ...A, size: 2 }]],
      ],
      [],
    ],
    [
      'is reported again after a change',
      [
        [0, [A]],
        [24, [A]],
        [25, both],
        [49, both],
      ],
      [24, 49],
    ],
  ] as const)
    it(what, async () => assert.deepEqual(await reportsAt(listings), expected));

  for (const ifSame of [undefined, 'mount it again'])
    it(`${ifSame === undefined ? 'a folder of this machine is not' : 'a drive is'} reported, with its name`, async () => {
      const folder = await temporaryFolder();
      try {
        await mkdir(folder.path, { recursive: true });
        await writeFile(join(folder.path, 'a.jpg'), 'picture');
        const [clock, logger] = [new VirtualClock(), new RecordingLogger()];
        const options = ifSame === undefined ? {} : { ifSame };
        const source = new DirectorySource(folder.path, deviceContext({ clock, logger }), options);
        await listed(source);
        await clock.advance(DAY_MS);
        const [file] = await listed(source);
        assert.ok(file);
        assert.equal(
          (await collect(source.read(file, 0, new AbortController().signal))).toString(),
          'picture',
        );
        const { reason } = await firstValueFrom(source.availability);
        const note = 'its listing has not changed for a day: mount it again';
        const expected = ifSame === undefined ? [] : [`${folder.path}: ${note}`];
        assert.deepEqual(logger.messages('warn'), expected);
        assert.equal(reason.endsWith(`; ${note}`), ifSame !== undefined, reason);
        await source.close();
      } finally {
        await folder.remove();
      }
    });

  it('is reported of a share, with how to mount it', async function () {
    if ((await whyNoFuse()) !== undefined) return this.skip();
    const mount = await HangingMount.make();
    const [clock, logger] = [new VirtualClock(), new RecordingLogger()];
    const source = new DirectorySource(mount.path, deviceContext({ clock, logger }));
    try {
      await firstValueFrom(source.availability);
      for (let hours = 0; hours <= 24; hours += 12) {
        assert.deepEqual(await listed(source), []);
        await clock.advance(DAY_MS / 2);
      }
      const [warning = '', ...others] = logger.messages('warn');
      assert.match(warning, /not changed for a day: .* on its server, mount it again, .*actimeo=10/);
      assert.deepEqual(others, []);
    } finally {
      await source.close();
      await mount.close();
    }
  });
});
