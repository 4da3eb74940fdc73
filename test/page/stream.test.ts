import assert from 'node:assert/strict';
import { readEvents, type StreamEvent } from '../../src/page/stream.js';

const WHOLE =
  'retry: 2000\nid: a-0\n\n:\n\nid: a-1\nevent: file\ndata: {"name":"é: ü"}\n\nevent: log\r\ndata: 1\r\ndata: 2\r\n\r\nid: a-2\ndata: cut';
const EVENTS: readonly StreamEvent[] = [
  { id: 'a-0', type: 'message', data: '' },
  { id: 'a-1', type: 'file', data: '{"name":"é: ü"}' },
  { id: '', type: 'log', data: '1\n2' },
];

async function eventsOf(size: number): Promise<{ events: StreamEvent[]; comments: number }> {
  const bytes = new TextEncoder().encode(WHOLE);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const events: StreamEvent[] = [];
  let comments = 0;
  for await (const event of readEvents(body)) {
    if (event) events.push(event);
    else comments += 1;
  }
  return { events, comments };
}

describe('server-sent events in the page', () => {
  for (const size of [1, 2, 3, 7, 1000])
    it(`are read in pieces of ${size} bytes; an unfinished one at the end is none`, async () => {
      assert.deepEqual(await eventsOf(size), { events: EVENTS, comments: 1 });
    });
});
