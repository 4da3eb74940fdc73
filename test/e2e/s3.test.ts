import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { makeBucket, s3Options } from '../servers/s3-bench.js';
import { startSwift, SWIFT_READER, SWIFT_START_MS } from '../servers/s3-servers.js';
import { Place } from './program.js';

interface Finding {
  readonly device: string;
  readonly ok: boolean;
  readonly message: string;
}

/** What is wrong with each device, and what is said of it. */
const WORDS: Readonly<Record<string, RegExp>> = {
  key: /takes the access key or its secret for wrong: correct access_key and secret_key/,
  region: /has the bucket in another region: set region to us-east-1/,
  bucket: /has no bucket nowhere: make it, or correct bucket/,
  readonly: /cannot write in .*does not allow it to that access key: give it s3:PutObject/,
};

describe('filesync check, of object stores', function () {
  this.timeout(SWIFT_START_MS + 60_000);

  it('says what is wrong with key, region, bucket and rights, each in one sentence', () =>
    Place.with(async place => {
      await mkdir(place.path('inbox'));
      const server = await startSwift();
      place.use({ close: () => server.stop() });
      const bucket = await makeBucket(server);
      bucket.client.destroy();
      const right = { type: 's3', ...s3Options(server, bucket.name) };
      const reader = { access_key: SWIFT_READER.accessKey, secret_key: SWIFT_READER.secretKey };
      const devices = {
        inbox: { type: 'directory', path: './inbox' },
        good: right,
        key: { ...right, secret_key: 'wrong horse' },
        region: { ...right, region: 'eu-west-7' },
        bucket: { ...right, bucket: 'nowhere' },
        readonly: { ...right, ...reader },
      };
      const to = Object.keys(devices).filter(name => name !== 'inbox');
      const config = await place.configure({ devices, rules: [{ from: 'inbox', to, include: ['*.ulg'] }] });
      const { code, stdout } = await place.run(['check', '-c', config, '--json']);
      assert.equal(code, 1, stdout);
      const findings = JSON.parse(stdout) as Finding[];
      for (const [device, words] of Object.entries(WORDS)) {
        const found = findings.filter(each => each.device === device && !each.ok);
        assert.ok(
          found.some(({ message }) => words.test(message)),
          `${device}: ${JSON.stringify(found)}`,
        );
      }
      assert.ok(
        findings.filter(({ device }) => device === 'good').every(({ ok }) => ok),
        stdout,
      );
      assert.doesNotMatch(stdout, /wrong horse/);
    }));
});
