import assert from 'node:assert/strict';
import { flightReview } from '../../../src/devices/flight-review.js';
import type { Trouble } from '../../../src/demo/receiver.js';
import { checksumOf, failsWith, sample } from '../../conformance/support.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { withUpload, type UploadSetup } from '../../servers/upload-bench.js';

const setup: UploadSetup = { type: flightReview, page: '' };

function ulog(size = 100_000): Uint8Array {
  const bytes = sample(size);
  bytes.set(Buffer.from('554c6f6701123501', 'hex'));
  return bytes;
}

const write = (bytes: Uint8Array) => [outgoing(bytes), 'log001.ulg', 0, never, new Events()] as const;

describe('flight-review target', () => {
  it('knows which pages anybody can read', () => {
    const pageAt = (options: object) => flightReview.publicPage?.(flightReview.options.parse(options));
    assert.equal(pageAt({}), 'logs.px4.io');
    assert.equal(pageAt({ url: 'https://review.px4.io/upload' }), 'review.px4.io');
    assert.equal(pageAt({ url: 'https://logs.example.org' }), undefined);
    assert.equal(pageAt({ url: 'https://notpx4.io' }), undefined);
  });

  it('sends the fields of Flight Review and returns the location of the log', () =>
    withUpload(
      { ...setup, options: { email: 'pilot@example.org', fields: { feedback: 'windy' } } },
      async ({ target, receiver }) => {
        const { location, verified } = await target.write(...write(ulog()));
        const [received] = receiver.received;
        assert.ok(received);
        assert.equal(received.sha256, checksumOf('sha256', ulog()).value);
        assert.deepEqual(received.fields, {
          description: 'a flight',
          email: 'pilot@example.org',
          type: 'personal',
          source: 'FileSync',
          feedback: 'windy',
          redirect: 'false',
        });
        assert.equal(location, receiver.url + received.location);
        assert.match(location, /^http:\/\/127\.0\.0\.1:\d+\/plot_app\?log=[0-9a-f-]{36}$/);
        assert.equal(verified, 'reply');
      },
    ));

  for (const page of ['', '/', '/upload', '/upload/']) {
    it(`finds the upload page from the address with "${page}" at its end`, () =>
      withUpload({ ...setup, page }, async ({ target, receiver }) => {
        await target.write(...write(ulog()));
        assert.equal(receiver.received.length, 1);
      }));
  }

  it('takes a redirect to the log for a success, and does not follow it', () => {
    const redirect: Trouble = {
      after: Infinity,
      answer: { status: 302, headers: { location: '/plot_app?log=1' } },
    };
    return withUpload({ ...setup, troubles: [redirect] }, async ({ target, receiver }) => {
      assert.equal((await target.write(...write(ulog()))).location, `${receiver.url}/plot_app?log=1`);
    });
  });

  it('a success without the location of a log is a lost answer', () => {
    const page: Trouble = { after: Infinity, answer: { status: 200, body: '<html>welcome</html>' } };
    const other: Trouble = { after: Infinity, answer: { status: 302, headers: { location: '/welcome' } } };
    return withUpload({ ...setup, troubles: [page, other] }, async ({ target }) => {
      await failsWith(() => target.write(...write(ulog())), 'lost-answer');
      await failsWith(() => target.write(...write(ulog())), 'lost-answer');
    });
  });

  it('sends nothing that the server would refuse', () =>
    withUpload({ ...setup, options: { max_size: '200KB' } }, async ({ target, receiver }) => {
      const notULog = await failsWith(() => target.write(...write(sample(5000))), 'rejected');
      assert.match(notULog.message, /not a ULog file/);
      await failsWith(() => target.write(...write(new Uint8Array(3))), 'rejected');
      const large = await failsWith(() => target.write(...write(ulog(300_000))), 'too-large');
      assert.match(large.message, /300\.0 kB, more than the 204\.8 kB of max_size/);
      const talkative = { ...outgoing(ulog()), render: () => 'ß'.repeat(5121) };
      const long = await failsWith(
        () => target.write(talkative, 'l.ulg', 0, never, new Events()),
        'rejected',
      );
      assert.match(long.message, /description is longer than 10 KB/);
      assert.equal(receiver.uploads, 0);
    }));
});
