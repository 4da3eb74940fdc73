import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { eventually } from '../conformance/support.js';
import { Place, type Program } from './program.js';

const LOCAL = '127.0.0.1';

/** What a service manager sets; `systemd-notify` of `place` writes down what is sent to it. */
async function started(place: Place, args: readonly string[]): Promise<Program> {
  const program = place.path('bin/systemd-notify');
  await mkdir(place.path('bin'), { recursive: true });
  await writeFile(program, `#!/bin/sh\necho "$*" >> "${place.path('sent')}"\n`, { mode: 0o755 });
  const PATH = `${place.path('bin')}:${process.env['PATH'] ?? ''}`;
  return place.start(args, { NOTIFY_SOCKET: place.path('socket'), PATH });
}

const sent = (place: Place) => readFile(place.path('sent'), 'utf8').catch(() => '');

/** With a folder as source and target each, and these devices besides. */
async function configured(place: Place, more: object = {}): Promise<string> {
  await mkdir(place.path('inbox'), { recursive: true });
  await mkdir(place.path('shelf'), { recursive: true });
  const devices = {
    inbox: { type: 'directory', path: './inbox' },
    shelf: { type: 'directory', path: './shelf' },
    ...more,
  };
  const rules = Object.keys(devices)
    .filter(name => name !== 'shelf')
    .map(from => ({ from, to: ['shelf'], include: ['**'], settle: 0, path: '{file.path}' }));
  return place.configure({ interval: '200ms', devices, rules });
}

describe('a daemon under a service manager', function () {
  this.timeout(90_000);
  it('works with the other devices while a port is taken, and with that one once the port is free', () =>
    Place.with(async place => {
      const holder = createSocket('udp4');
      await once(holder.bind(0, LOCAL), 'listening');
      const { port } = holder.address();
      const config = await configured(place, {
        autopilot: { type: 'mavlink', url: `udp://${LOCAL}:${port}@` },
      });
      const daemon = await started(place, ['run', '-c', config]);
      await daemon.says(new RegExp(`autopilot.*UDP port ${port} .*taken`));
      await writeFile(place.path('inbox/a.txt'), 'hello');
      await eventually(
        async () => (await readFile(place.path('shelf/a.txt'), 'utf8').catch(() => '')) === 'hello',
      );
      await eventually(async () => /--status=.*offline: autopilot \(UDP port/.test(await sent(place)));
      await new Promise<void>(resolve => void holder.close(resolve));
      place.start(['sim', 'shelf', '--listen', `${LOCAL}:0`, '--to', `${LOCAL}:${port}`]);
      await daemon.says(/autopilot: available/);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('waits for a database that another filesync uses', () =>
    Place.with(async place => {
      const config = await configured(place);
      const other = place.start(['run', '-c', config]);
      await other.says(/working with/);
      const daemon = await started(place, ['run', '-c', config]);
      await daemon.says(/waiting: another filesync is using the database/);
      await eventually(async () => /--ready\n--status=waiting: another/.test(await sent(place)));
      await other.kill('SIGTERM');
      await daemon.says(/working with/);
      await eventually(async () => /--status=(no files yet|1 file delivered)/.test(await sent(place)));
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
    }));

  it('can be stopped while it waits', () =>
    Place.with(async place => {
      const config = await configured(place);
      const other = place.start(['run', '-c', config]);
      await other.says(/working with/);
      const daemon = await started(place, ['run', '-c', config]);
      await daemon.says(/waiting: another filesync/);
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
      await other.kill('SIGTERM');
    }));

  it("works without a secret's file, which may come later, but not without a secret's variable", () =>
    Place.with(async place => {
      const archive = (password: object) => ({ archive: { type: 'ftp', host: LOCAL, user: 'u', password } });
      const daemon = await started(place, [
        'run',
        ...['-c', await configured(place, archive({ file: './secret' }))],
      ]);
      await daemon.says(/archive: offline: .*secret does not exist; create it/);
      await eventually(async () => /--status=.*offline: archive \(the secret's/.test(await sent(place)));
      assert.equal((await daemon.kill('SIGTERM')).code, 143);
      const refused = await started(place, ['run', '-c', await configured(place, archive({ env: 'NO' }))]);
      const { code, stderr } = await refused.ended;
      assert.equal(code, 2, stderr);
      assert.match(stderr, /the environment variable NO is not set/);
    }));

  it('ends with 2 where the configuration is wrong', () =>
    Place.with(async place => {
      const config = await place.configure({ intervall: '1s' });
      const daemon = await started(place, ['run', '-c', config]);
      assert.equal((await daemon.ended).code, 2);
    }));
});
