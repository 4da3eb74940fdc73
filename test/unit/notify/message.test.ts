import assert from 'node:assert/strict';
import type { NoticeEvent } from '../../../src/notify/events.js';
import { makeMessage } from '../../../src/notify/message.js';

const make = (events: readonly NoticeEvent[], dropped = 0) =>
  makeMessage(events, { id: 'id-1', hostname: 'pi', now: Date.UTC(2026, 10, 30), up: 5, dropped }).values;

const FAILED: NoticeEvent = {
  ...{ kind: 'failed', device: 'camera', files: 7, bytes: 700 },
  paths: ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg', 'e.jpg', 'f.jpg'],
  reasons: ['nas: refused the file'],
};
const FLIGHT: NoticeEvent = {
  ...{ kind: 'flight', device: 'autopilot', files: 1, bytes: 4_100_000, failed: 0, delivered_at: 1 },
  flights: [{ started_at: '2026-11-29T12:00:00.000Z', duration_seconds: 540, vehicle: '0035' }],
  links: ['https://logs.px4.io/plot_app?log=1'],
};

describe('a message', () => {
  it('names no length of files that are of one moment', () => {
    const flights = [{ started_at: '2026-11-29T12:00:00.000Z', duration_seconds: 0.004, vehicle: '' }];
    assert.match(make([{ ...FLIGHT, flights }], 1).text, /^1 file of autopilot delivered, 4\.1 MB: https:/);
  });

  it('has a title, a sentence for each event, and everything as JSON', () => {
    const values = make([FAILED, FLIGHT], 2);
    assert.equal(values.title, 'FileSync pi: 7 files of camera FAILED; 1 file of autopilot delivered');
    assert.deepEqual(values.text.split('\n'), [
      '7 files of camera FAILED: a.jpg, b.jpg, c.jpg, d.jpg, e.jpg, and 2 more. Why: nas: refused the file',
      '1 file of autopilot delivered, 4.1 MB, a flight of 9 min: https://logs.px4.io/plot_app?log=1',
      '2 earlier messages could not be delivered',
    ]);
    const { title, text } = values;
    assert.deepEqual(
      [values.event, values.device, values.count],
      ['failed,flight', 'camera, autopilot', '8'],
    );
    assert.deepEqual(JSON.parse(values.json), {
      ...{
        id: 'id-1',
        time: '2026-11-30T00:00:00.000Z',
        hostname: 'pi',
        event: 'failed,flight',
        title,
        text,
      },
      ...{ count: 8, devices: ['camera', 'autopilot'], dropped: 2, events: [FAILED, FLIGHT] },
    });
  });

  const sentences: [NoticeEvent, string][] = [
    [
      { kind: 'offline', device: 'nas', reason: 'connection refused', seconds: 720 },
      'nas has been offline for 12 min: connection refused',
    ],
    [{ kind: 'online', device: 'nas', reason: 'login ok' }, 'nas is online again: login ok'],
    [{ kind: 'idle', files: 2, bytes: 2000 }, 'Everything is delivered: 2 files, 2.0 kB'],
    [
      { kind: 'space', free: 0, total: 16e9 },
      'The disk has 0 B free above min_free, of 16.0 GB: nothing is fetched until there is more',
    ],
  ];
  for (const [event, sentence] of sentences)
    it(`of ${event.kind} is a sentence`, () => assert.equal(make([event]).text, sentence));

  it('is no longer than the services take, and names of files bring no lines or terminal commands', () => {
    const path = `\u001b[2J\n${'é'.repeat(3000)}`;
    const { text } = make([{ ...FAILED, paths: [path] }]);
    assert.ok(Buffer.byteLength(text) <= 2800);
    assert.match(text, /^7 files of camera FAILED: \\x1b\[2J\\x0aé+…$/);
  });
});
