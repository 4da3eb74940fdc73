import {
  AbortMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { s3 } from '../../src/devices/s3.js';
import { etagOf, heldOf, inFlightFor, partSizeFor } from '../../src/devices/s3/parts.js';
import type { DeviceContext } from '../../src/config/definition.js';
import { FileSyncError } from '../../src/errors.js';
import type { Target } from '../../src/ports.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { chunks, Events, never, outgoing } from '../servers/outgoing.js';
import { makeBucket, PART_SIZE, s3Options, type Bucket } from '../servers/s3-bench.js';
import { refusal, startFront, type Instead, type Passing, type S3Front } from '../servers/s3-front.js';
import { startSwift, SWIFT_READER, SWIFT_START_MS, type S3Server } from '../servers/s3-servers.js';
import { checksumOf, failsWith, listed, listedWithError, sample } from './support.js';

const TOKEN = '0123456789abcdef';
const PATH = 'sess001/log001.ulg';
/** Five parts, the last one shorter. */
const BYTES = sample(300_000);
const SMALL = sample(5000);

const whole = (bytes = BYTES, token = TOKEN) => outgoing(bytes, { token });

/** Breaks after that many bytes. */
const cut = (after = 150_000, token = TOKEN) =>
  outgoing(BYTES, {
    token,
    async *open(offset) {
      yield* chunks(BYTES.subarray(0, after), offset);
      throw new FileSyncError('changed', 'the source let go');
    },
  });

const partNumber = ({ url }: Passing): number => Number(/[?&]partNumber=(\d+)/.exec(url)?.[1]);
const isPart = (request: Passing): boolean => request.method === 'PUT' && !Number.isNaN(partNumber(request));
const isCreate = ({ method, url }: Passing): boolean => method === 'POST' && /[?&]uploads(=|&|$)/.test(url);
const isComplete = ({ method, url }: Passing): boolean => method === 'POST' && /[?&]uploadId=/.test(url);
const isPut = (request: Passing): boolean => request.method === 'PUT' && !isPart(request);

describe('s3', () => {
  let server: S3Server;
  let front: S3Front;
  let bucket: Bucket;
  let local: string;

  before(async function () {
    this.timeout(SWIFT_START_MS);
    server = await startSwift({ filters: { s3api: { max_bucket_listing: 5 } } });
  });
  after(() => server.stop());
  beforeEach(async () => {
    front = await startFront(server);
    bucket = await makeBucket(server);
    local = await mkdtemp(join(tmpdir(), 'filesync-s3-'));
  });
  afterEach(async () => {
    bucket.client.destroy();
    await front.stop();
    await rm(local, { recursive: true });
  });

  /** What a run of the program has: what it records is there for the next one. */
  async function withRun<Result>(
    run: (target: Target) => Promise<Result>,
    more: object = {},
    over: Partial<DeviceContext> = {},
  ): Promise<Result> {
    const target = await makeTarget(s3, { ...s3Options(front, bucket.name), ...more }, { local, ...over });
    try {
      return await run(target);
    } finally {
      await target.close();
    }
  }

  const write = (file = whole(), offset = 0, events = new Events()) =>
    withRun(target => target.write(file, PATH, offset, never, events));
  const stateOf = (more: object) => withRun(target => firstValueFrom(target.availability), more);

  async function partial(token = TOKEN): Promise<number> {
    return (await withRun(target => target.stat(PATH, token, never))).partial;
  }

  it('another run of the program sends only the parts that are missing', async () => {
    await failsWith(() => write(cut()), 'changed');
    const held = await partial();
    assert.equal(held, 2 * PART_SIZE);
    const before = front.requests.length;
    const events = new Events();
    const { verified } = await write(whole(), held, events);
    assert.equal(verified, 'hash');
    assert.equal(events.commits, 1);
    assert.deepEqual(front.requests.slice(before).filter(isPart).map(partNumber).sort(), [3, 4, 5]);
    assert.ok((await bucket.read(PATH))?.equals(BYTES));
    assert.deepEqual(await bucket.uploads(), []);
  });

  it('the object carries its SHA-256, its time as rclone has it, and no name of another type', async () => {
    const { value: sha256 } = checksumOf('sha256', BYTES);
    const source = { path: PATH, size: BYTES.length, modified: 1_700_000_000_500 };
    await write(outgoing(BYTES, { token: TOKEN, source, sha256 }));
    const head = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: PATH }));
    assert.deepEqual(head.Metadata, { sha256, mtime: '1700000000.5' });
    assert.equal(head.ETag, `"${etagOf(partHashes())}"`);
  });

  it('the SHA-256 of whatever is sent is signed', async () => {
    await write();
    await withRun(target => target.write(whole(SMALL), 'small', 0, never, new Events()));
    const sent = front.requests.filter(request => isPart(request) || isPut(request));
    assert.ok(sent.length >= 6);
    for (const { headers } of sent) {
      assert.match(String(headers['x-amz-content-sha256']), /^[0-9a-f]{64}$/);
      assert.equal(headers['content-encoding'], undefined);
    }
  });

  it('a part whose bytes change on their way is refused, and is sent again', async () => {
    const other = checksumOf('md5', SMALL).value;
    front.instead = request =>
      isPart(request) && partNumber(request) === 2 ? { answered: { etag: other } } : undefined;
    await failsWith(() => write(), 'corrupt');
    front.instead = () => undefined;
    await write(whole(), 0);
    assert.ok((await bucket.read(PATH))?.equals(BYTES));
  });

  it('an upload whose name was lost with its answer is given up by the next attempt', async () => {
    front.instead = request => (isCreate(request) ? 'lose' : undefined);
    await failsWith(() => write(), 'unavailable');
    assert.deepEqual(await bucket.uploads(), [PATH]);
    front.instead = () => undefined;
    await write();
    assert.deepEqual(await bucket.uploads(), []);
    assert.ok((await bucket.read(PATH))?.equals(BYTES));
  });

  it('the unfinished upload of an earlier version of the file is given up', async () => {
    await failsWith(() => write(cut()), 'changed');
    const next = sample(200_000, 5);
    assert.equal(await partial('fedcba9876543210'), 0);
    await write(whole(next, 'fedcba9876543210'));
    assert.deepEqual(await bucket.uploads(), []);
    assert.ok((await bucket.read(PATH))?.equals(next));
  });

  it('an upload that the server does not know any more is sent from the start', async () => {
    await failsWith(() => write(cut()), 'changed');
    const held = await partial();
    const Bucket = bucket.name;
    const { Uploads: [{ UploadId } = {}] = [] } = await bucket.client.send(
      new ListMultipartUploadsCommand({ Bucket }),
    );
    await bucket.client.send(new AbortMultipartUploadCommand({ Bucket, Key: PATH, UploadId }));
    const error = await failsWith(() => write(whole(), held), 'changed');
    assert.ok(error.temporary);
    assert.equal(await partial(), 0);
    await write();
    assert.ok((await bucket.read(PATH))?.equals(BYTES));
  });

  it('all parts have ended before the upload is completed, and none is sent after it', async () => {
    let after = 0;
    let completed = false;
    front.instead = request => {
      completed ||= isComplete(request);
      if (completed && isPart(request)) after++;
      return isPart(request) && partNumber(request) === 3 ? 'reset' : undefined;
    };
    await failsWith(() => write(), 'unavailable');
    assert.equal(completed, false);
    const held = await partial();
    front.instead = request => {
      completed ||= isComplete(request);
      if (completed && isPart(request)) after++;
      return undefined;
    };
    await write(whole(), held);
    assert.ok(completed);
    assert.equal(after, 0);
    assert.equal(front.requests.filter(isComplete).length, 1);
  });

  it('a file whose last answer was lost is recognised by its ETag, without reading it back', async () => {
    front.instead = request => (isComplete(request) ? 'lose' : undefined);
    await failsWith(() => write(), 'unavailable');
    front.instead = () => undefined;
    assert.deepEqual(await withRun(target => target.stat(PATH, TOKEN, never)), {
      size: BYTES.length,
      partial: 0,
    });
    await failsWith(() => write(), 'exists');
    const there = await withRun(target => target.checksum(PATH, never));
    assert.deepEqual(there, checksumOf('sha256', BYTES));
    assert.ok(!front.requests.some(({ method, url }) => method === 'GET' && url.includes(PATH)));
  });

  it('a small file whose answer was lost is there', async () => {
    // The server refuses the condition first, and takes the file then.
    front.instead = request =>
      isPut(request) && request.headers['if-none-match'] === undefined ? 'lose' : undefined;
    await failsWith(() => write(whole(SMALL)), 'unavailable');
    const found = await withRun(target => target.stat(PATH, TOKEN, never));
    assert.equal(found.size, SMALL.length);
    assert.deepEqual(await withRun(target => target.checksum(PATH, never)), checksumOf('sha256', SMALL));
  });

  it('a 412 for our own object, whose answer was lost, is no conflict', async () => {
    await bucket.put(PATH, SMALL);
    // As if the object had appeared between the two requests: an earlier attempt of ours was slow.
    const missing = { status: 404 };
    let asked = 0;
    front.instead = ({ method, headers }) => {
      if (method === 'HEAD') return asked++ === 0 ? missing : undefined;
      return headers['if-none-match'] === '*' ? refusal(412, 'PreconditionFailed') : undefined;
    };
    const receipt = await write(whole(SMALL));
    assert.equal(receipt.verified, 'hash');
    asked = 0;
    await failsWith(() => write(whole(sample(4000, 9))), 'exists');
    assert.ok((await bucket.read(PATH))?.equals(SMALL));
  });

  it('replaces no object that appears while a file is sent in parts', async () => {
    const other = sample(777, 3);
    const events = { progress: () => undefined, committing: () => bucket.put(PATH, other) };
    await failsWith(() => withRun(target => target.write(whole(), PATH, 0, never, events)), 'exists');
    assert.ok((await bucket.read(PATH))?.equals(other));
    assert.deepEqual(await bucket.uploads(), []);
  });

  it('says once that the server knows no conditional writes', async () => {
    const logger = new RecordingLogger();
    await withRun(
      async target => {
        for (const name of ['a', 'b']) await target.write(whole(SMALL), name, 0, never, new Events());
      },
      {},
      { logger },
    );
    const said = logger.entries.filter(({ message }) => message.includes('does not support If-None-Match'));
    assert.equal(said.length, 1);
    assert.equal(front.requests.filter(({ headers }) => headers['if-none-match'] === '*').length, 1);
  });

  it('a small file takes one request where the server knows conditional writes', async () => {
    // Swift does not: the front answers these in its place.
    const etag = `"${checksumOf('md5', SMALL).value}"`;
    const isConditional = ({ headers }: Passing) => headers['if-none-match'] === '*';
    const taken: Instead = { status: 200, headers: { etag } };
    const refused = refusal(412, 'PreconditionFailed');
    // The same object a second time: only a server that refuses it is known to fulfil the condition.
    const answers = [taken, refused, taken];
    front.instead = request => (isConditional(request) ? answers.shift() : undefined);
    await withRun(async target => {
      const send = (file = whole(SMALL)) => target.write(file, PATH, 0, never, new Events());
      await send();
      const before = front.requests.length;
      assert.equal((await send()).verified, 'hash');
      assert.equal(front.requests.length - before, 1);
      await bucket.put(PATH, SMALL);
      answers.push(refused);
      await failsWith(() => send(whole(sample(4000, 9))), 'exists');
    });
    assert.ok((await bucket.read(PATH))?.equals(SMALL));
  });

  it('a server that ignores the condition is asked for each object', async () => {
    const etag = `"${checksumOf('md5', SMALL).value}"`;
    front.instead = ({ headers }) =>
      headers['if-none-match'] === '*' ? { status: 200, headers: { etag } } : undefined;
    await withRun(async target => {
      await target.write(whole(SMALL), 'first', 0, never, new Events());
      await bucket.put(PATH, SMALL);
      await failsWith(() => target.write(whole(sample(4000, 9)), PATH, 0, never, new Events()), 'exists');
    });
    assert.ok((await bucket.read(PATH))?.equals(SMALL));
  });

  it('an object that is not what was sent is corrupt, and is removed', async () => {
    let puts = 0;
    front.instead = request => {
      if (isPut(request)) puts++;
      return (request.method === 'HEAD' || isPut(request)) && puts > 1
        ? { answered: { etag: `"${'0'.repeat(32)}"` } }
        : undefined;
    };
    await failsWith(() => write(whole(SMALL)), 'corrupt');
    assert.equal(await bucket.read(PATH), undefined);
  });

  it('an ETag that is no hash leaves the size and the metadata', async () => {
    front.instead = request =>
      request.method === 'HEAD' || isPut(request)
        ? { answered: { 'x-amz-server-side-encryption': 'aws:kms', etag: `"${'1'.repeat(32)}"` } }
        : undefined;
    const { verified } = await write(whole(SMALL));
    assert.equal(verified, 'size');
  });

  it('asks for storage class, encryption and tags', async () => {
    const more = {
      storage_class: 'STANDARD_IA',
      encryption: 'aws:kms',
      kms_key: 'one',
      tags: { flight: '{description} 1' },
    };
    front.instead = request =>
      isPut(request) ? refusal(503, 'SlowDown', { 'retry-after': '7' }) : undefined;
    const error = await failsWith(
      () => withRun(target => target.write(whole(SMALL), PATH, 0, never, new Events()), more),
      'busy',
    );
    assert.equal(error.retryAfterMs, 7000);
    const { headers = {} } = front.requests.find(isPut) ?? {};
    assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA');
    assert.equal(headers['x-amz-server-side-encryption'], 'aws:kms');
    assert.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], 'one');
    assert.equal(headers['x-amz-tagging'], 'flight=a%20flight%201');
    assert.equal(front.requests.filter(isPut).length, 1, 'devices do not retry');
  });

  it('says which option the server does not take', async () => {
    const words = async (more: object) => {
      const error = await failsWith(() =>
        withRun(target => target.write(whole(SMALL), PATH, 0, never, new Events()), more),
      );
      return error.message;
    };
    assert.match(
      await words({ storage_class: 'STANDARD_IA' }),
      /has no such storage class: correct storage_class/,
    );
    assert.match(await words({ tags: { a: 'b' } }), /cannot do that: leave out the options that ask for it/);
  });

  it('says what is wrong with key, region, bucket and server', async () => {
    const reasonOf = async (more: object): Promise<string> => {
      const { available, reason } = await stateOf(more);
      assert.equal(available, false, reason);
      return reason;
    };
    const wrong = await reasonOf({ secret_key: 'wrong horse' });
    assert.match(wrong, /takes the access key or its secret for wrong: correct access_key and secret_key/);
    assert.doesNotMatch(wrong, /wrong horse/);
    assert.match(
      await reasonOf({ region: 'eu-west-7' }),
      /has the bucket in another region: set region to us-east-1/,
    );
    assert.match(await reasonOf({ bucket: 'nowhere' }), /has no bucket nowhere: make it, or correct bucket/);
    assert.match(
      await reasonOf({ secret_key: undefined }),
      /access_key and secret_key belong together: set both/,
    );
    assert.match(await reasonOf({ endpoint: 'http://127.0.0.1:9' }), /127\.0\.0\.1:9 refuses connections/);
    front.instead = () => ({
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html>hello</html',
    });
    assert.match(await reasonOf({}), /is no server with the S3 interface: check endpoint/);
    front.instead = () => ({
      status: 404,
      headers: { 'content-type': 'text/html' },
      body: '<html>no</html>',
    });
    assert.match(await reasonOf({}), /check endpoint|has no such object/);
  });

  it('a key without the right to write is found by a probe', async () => {
    const more = { access_key: SWIFT_READER.accessKey, secret_key: SWIFT_READER.secretKey };
    assert.match((await stateOf(more)).reason, /the access key is known, and may not list the bucket/);
    const error = await failsWith(
      () => withRun(target => target.probe?.(never) ?? Promise.resolve(), more),
      'denied',
    );
    assert.match(
      error.message,
      /cannot write in .*give it s3:PutObject, s3:GetObject and s3:AbortMultipartUpload/,
    );
  });

  it('a full quota is said', async () => {
    front.instead = request =>
      isPart(request) || isPut(request) ? refusal(403, 'QuotaExceeded') : undefined;
    const error = await failsWith(
      () => withRun(target => target.probe?.(never) ?? Promise.resolve()),
      'no-space',
    );
    assert.match(error.message, /is full, or its quota is used up: free space there, or raise the quota/);
  });

  it('keys that are no paths are told of, and hide no other object', async () => {
    const keys = ['good.ulg', 'a//b', 'x/../y', '/front', 'folder/', 'plus+ and %20.ulg'];
    for (const key of keys) await bucket.put(key, key === 'folder/' ? new Uint8Array(0) : SMALL);
    const source = await makeSource(s3, s3Options(front, bucket.name));
    try {
      const { files, error } = await listedWithError(source);
      assert.deepEqual(files.map(({ path }) => path).sort(), ['good.ulg', 'plus+ and %20.ulg']);
      assert.equal(error?.kind, 'denied');
      assert.match(error?.message ?? '', /is not listed, its key is no path: rename it \(and 2 more\)/);
    } finally {
      await source.close();
    }
  });

  it('a listing of many pages is whole', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `log${String(index).padStart(2, '0')}`);
    for (const name of names) await bucket.put(name, SMALL);
    const paged = await startFront(server);
    const source = await makeSource(s3, { ...s3Options(paged, bucket.name), max_files: 12 });
    try {
      assert.deepEqual(
        (await listed(source)).map(({ path }) => path),
        names,
      );
    } finally {
      await source.close();
      await paged.stop();
    }
  });
});

describe('s3, on a store whose clock is an hour ahead', () => {
  let server: S3Server;
  before(async function () {
    this.timeout(SWIFT_START_MS);
    server = await startSwift({ clockOffset: 3600 });
  });
  after(() => server.stop());

  it('files arrive, and a person is told to set the clock', async () => {
    const ahead = { systemClockOffset: 3_600_000 };
    const bucket = await makeBucket(server, ahead);
    const local = await mkdtemp(join(tmpdir(), 'filesync-s3-'));
    const target = await makeTarget(s3, s3Options(server, bucket.name), { local });
    try {
      const { available, reason } = await firstValueFrom(target.availability);
      assert.equal(available, true, reason);
      assert.match(reason, /the clock of this machine is (59|60|61) minutes behind the server's.*set it/);
      await target.write(whole(), PATH, 0, never, new Events());
      assert.ok((await bucket.read(PATH))?.equals(BYTES));
    } finally {
      await target.close();
      bucket.client.destroy();
      await rm(local, { recursive: true });
    }
  });
});

describe('s3, parts', () => {
  const MIB = 1024 * 1024;

  it('grow with the file where there would be too many', () => {
    assert.equal(partSizeFor(1000 * 8 * MIB, 8 * MIB), 8 * MIB);
    assert.equal(partSizeFor(1000 * 8 * MIB + 1, 8 * MIB), 9 * MIB);
  });

  it('on their way at once are few where they are large', () => {
    assert.deepEqual(
      [1, 8, 16, 100].map(size => inFlightFor(size * MIB)),
      [3, 3, 2, 1],
    );
  });

  it('count as far as they follow one another', () => {
    const part = (number: number, size = 10) => ({ number, size, md5: String(number) });
    assert.equal(heldOf([part(2), part(1), part(4)], 10).bytes, 20);
    assert.equal(heldOf([part(2)], 10).bytes, 0);
    assert.equal(heldOf([part(1), part(2, 3), part(3)], 10).bytes, 13);
    assert.equal(heldOf([part(1, 11)], 10).bytes, 0);
  });
});

/** Of the parts of BYTES. */
function partHashes(): string[] {
  const parts: string[] = [];
  for (let at = 0; at < BYTES.length; at += PART_SIZE)
    parts.push(checksumOf('md5', BYTES.subarray(at, at + PART_SIZE)).value);
  return parts;
}
