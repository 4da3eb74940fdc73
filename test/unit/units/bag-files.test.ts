import assert from 'node:assert/strict';
import { bagFilesIn } from '../../../src/units/bag-files.js';

const { signal } = new AbortController();

/** As rosbag2 writes it. */
const metadata = (paths: readonly string[], version = 9): string =>
  [
    'rosbag2_bagfile_information:',
    `  version: ${version}`,
    '  storage_identifier: mcap',
    '  relative_file_paths:',
    ...paths.map(path => `    - ${path}`),
    '  files:',
    ...paths.map(path => `    - path: ${path}\n      message_count: 3`),
    '  ros_distro: jazzy',
    '',
  ].join('\n');

const filesIn = (text: string, folder = 'day/run') => bagFilesIn(text, folder, signal);

describe('bagFilesIn', () => {
  for (const names of [
    ['run_0.mcap', 'run_1.mcap'],
    ['run_0.db3'],
    ['run_0.mcap.zstd', 'run_1.mcap.zstd'],
    ['run_0.db3.zstd', 'run_1.db3.zstd'],
    ['"with space.mcap"'],
  ])
    it(`reads ${names.join(', ')}`, async () => {
      const files = names.map(name => name.replaceAll('"', ''));
      assert.deepEqual(await filesIn(metadata(names)), { kind: 'files', files });
    });

  it('reads a list in brackets, and one that is empty', async () => {
    const text = 'rosbag2_bagfile_information: {version: 9, relative_file_paths: [a.mcap, b.mcap]}';
    assert.deepEqual(await filesIn(text), { kind: 'files', files: ['a.mcap', 'b.mcap'] });
    const none = 'rosbag2_bagfile_information:\n  version: 9\n  relative_file_paths: []\n';
    assert.deepEqual(await filesIn(none), { kind: 'files', files: [] });
  });

  it('understands the paths of old versions, which begin with the folder', async () => {
    assert.deepEqual(await filesIn(metadata(['run/run_0.db3'], 3)), { kind: 'files', files: ['run_0.db3'] });
    assert.equal((await filesIn(metadata(['run/run_0.db3'], 9))).kind, 'unknown');
  });

  it('counts a file once', async () => {
    assert.deepEqual(await filesIn(metadata(['a.mcap', './a.mcap'])), { kind: 'files', files: ['a.mcap'] });
  });

  for (const path of [
    '../../etc/passwd',
    '/etc/passwd',
    'sub/a.mcap',
    '..',
    '.',
    'a\\b',
    '"a\\u0000b"',
    '"a\\nb"',
    '""',
  ])
    it(`refuses ${JSON.stringify(path)}`, async () => {
      const listing = await filesIn(metadata(['a.mcap', path]));
      assert.equal(listing.kind, 'unknown');
      assert.match(listing.why, /no file of its folder$/);
      assert.doesNotMatch(listing.why, /\p{Cc}/u);
    });

  it('refuses a name that no file system holds', async () => {
    const listing = await filesIn(metadata(['x'.repeat(300)]));
    assert.equal(listing.kind, 'unknown');
    assert.ok(listing.why.length < 200);
  });

  it('reads the list of a long recording, with the times of each of its files', async () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `flight_${at}.mcap`);
    const details = names.map(
      name =>
        `    - path: ${name}\n      starting_time:\n        nanoseconds_since_epoch: 1\n      duration:\n        nanoseconds: 2\n      message_count: 3\n`,
    );
    const text = metadata(names).replace(
      / {2}files:\n[^]*(?= {2}ros_distro)/,
      `  files:\n${details.join('')}`,
    );
    assert.deepEqual(await filesIn(text), { kind: 'files', files: names });
  });

  it('refuses a list that is huge', async () => {
    const refused = async (length: number) => {
      const listing = await filesIn(metadata(Array.from({ length }, (_, at) => `${at}.mcap`)));
      return listing.kind === 'unknown' ? listing.why : '';
    };
    assert.equal(await refused(20_001), 'it lists more than 20000 files');
    // It is not even parsed to its end.
    assert.equal(await refused(100_000), 'it is too large for the list of a bag');
  });

  for (const text of [
    'rosbag2_bagfile_information:\n  version: 9\n',
    'rosbag2_bagfile_information:\n  relative_file_paths:\n    a: b\n',
    'rosbag2_bagfile_information:\n  relative_file_paths:\n    - [a, b]\n',
    'rosbag2_bagfile_information:\n\0\0\0',
    'rosbag2_bagfile_information:\n  relative_file_paths:\n    - "a\\q.mcap"\n',
    'rosbag2_bagfile_information:\n  "\\q": 1\n  relative_file_paths:\n    a: b\n',
  ])
    it(`says that ${JSON.stringify(text)} is damaged`, async () => {
      const listing = await filesIn(text);
      assert.equal(listing.kind, 'unknown');
      assert.match(listing.why, /damaged.*ros2 bag reindex/);
    });

  it('finds no list in another file of that name', async () => {
    for (const text of ['', 'name: Flight 7\n', '\u0000\u0001', 'x'.repeat(1000)])
      assert.deepEqual(await filesIn(text), { kind: 'none' });
  });

  it('ends when it is aborted', async () => {
    const control = new AbortController();
    const reading = bagFilesIn(
      metadata(Array.from({ length: 20_000 }, (_, at) => `${at}.mcap`)),
      'run',
      control.signal,
    );
    control.abort();
    await assert.rejects(reading, { kind: 'cancelled' });
  });
});
