import assert from 'node:assert/strict';
import { makeBucket, s3Options } from '../servers/s3-bench.js';
import { startSwift, SWIFT_START_MS } from '../servers/s3-servers.js';
import { sftpOptions } from '../servers/sftp-bench.js';
import { startSftpServer, type SftpServerKind } from '../servers/sftp-servers.js';
import { startTusServer, type TusServer } from '../servers/tus-server.js';
import { assertHolds, killWhileFilesCome } from './kills.js';
import { folders } from './parts.js';
import { Place } from './program.js';
import { sha256 } from './world.js';

const KILLS = Number(process.env['FILESYNC_KILLS'] ?? 10);
const SEED = Number(process.env['FILESYNC_SEED'] ?? Date.now() % 1_000_000);

/** Where the files are afterwards. */
interface End {
  readonly device: object;
  readonly holds: (hashes: ReadonlyMap<string, string>) => Promise<void>;
}

async function sftpEnd(place: Place, kind: SftpServerKind): Promise<End> {
  const server = await startSftpServer(kind);
  place.use({ close: () => server.stop() });
  return {
    device: { type: 'sftp', ...sftpOptions(server) },
    holds: hashes => assertHolds(server.folder, hashes),
  };
}

async function tusEnd(place: Place): Promise<End> {
  const server = await startTusServer();
  place.use({ close: () => server.stop() });
  return { device: { type: 'tus', url: server.url }, holds: hashes => assertUploads(server, hashes) };
}

/** Each file is whole there once. An upload whose address was lost with the program stays behind without a byte, and expires. */
async function assertUploads(server: TusServer, hashes: ReadonlyMap<string, string>): Promise<void> {
  const uploads = await server.uploads();
  const finished = uploads.filter(({ size, bytes }) => bytes.length === size);
  assert.deepEqual(finished.map(({ path }) => path).sort(), [...hashes.keys()].sort());
  for (const { path, bytes } of finished) assert.equal(sha256(bytes), hashes.get(path), path);
  assert.deepEqual([...server.finished].sort(), [...hashes.keys()].sort());
  const left = uploads.filter(each => !finished.includes(each));
  assert.ok(left.every(({ bytes }) => bytes.length === 0));
}

/** Each object is whole there, and no unfinished upload is left. */
async function s3End(place: Place): Promise<End> {
  const server = await startSwift();
  place.use({ close: () => server.stop() });
  const bucket = await makeBucket(server);
  place.use({ close: async () => bucket.client.destroy() });
  return {
    device: { type: 's3', ...s3Options(server, bucket.name), prefix: 'fleet' },
    holds: async hashes => {
      const keys = [...hashes.keys()].map(name => `fleet/${name}`).sort();
      assert.deepEqual((await bucket.keys()).sort(), keys);
      for (const [name, hash] of hashes)
        assert.equal(sha256((await bucket.read(`fleet/${name}`)) ?? Buffer.alloc(0)), hash, name);
      assert.deepEqual(await bucket.uploads(), []);
    },
  };
}

const ENDS: Readonly<Record<string, (place: Place) => Promise<End>>> = {
  'sftp, OpenSSH': place => sftpEnd(place, 'openssh'),
  'sftp, ProFTPD': place => sftpEnd(place, 'proftpd'),
  tus: tusEnd,
  's3, OpenStack Swift': s3End,
};

for (const [title, make] of Object.entries(ENDS)) {
  describe(`filesync run to ${title}, killed ${KILLS} times (seed ${SEED})`, function () {
    this.timeout(SWIFT_START_MS + KILLS * 10_000);

    it('loses nothing and sends nothing twice', () =>
      Place.with(async place => {
        const { device, holds } = await make(place);
        const config = await place.configure(
          folders({
            rule: { to: ['outbox', 'store'] },
            top: { interval: '100ms' },
            devices: { store: device },
          }),
        );
        const hashes = await killWhileFilesCome({ place, config, env: {} }, KILLS, SEED);
        const { code, stdout, stderr } = await place.run(['sync', '-c', config]);
        assert.equal(code, 0, stdout + stderr);
        await assertHolds(place.path('outbox'), hashes);
        await holds(hashes);
      }));
  });
}
