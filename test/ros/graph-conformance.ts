import assert from 'node:assert/strict';
import type { Graph, MessageType, ServiceType } from '../../src/ros/graph.js';
import { LATCHED, RELIABLE, type Qos } from '../../src/ros/graph.js';
import { topics } from '../../src/ros/interfaces.js';
import { fileView } from '../../src/api/views.js';
import type { StepWait } from '../../src/record/wait.js';
import { systemClock } from '../../src/system/clock.js';
import { toFileState } from '../../src/ros/messages.js';
import { eventually, failsWith } from '../conformance/support.js';
import { fileRecord } from '../fakes/file-record.js';

/** Two nodes of one graph; `graph` is called `/ns/node`. */
export interface GraphBench {
  readonly graph: Graph;
  readonly peer: Graph;
  /** What the user gave at start. */
  readonly given: { readonly speed: number };
  /** `ros2 param set`: why it was refused, or nothing. */
  set(name: string, value: string | number): Promise<string | undefined>;
  close(): Promise<void>;
}

interface Text {
  readonly data: string;
}
interface Answer {
  readonly success: boolean;
  readonly message: string;
}

const text: MessageType<Text> = { name: 'std_msgs/msg/String' };
const setBool: ServiceType<{ readonly data: boolean }, Answer> = {
  name: 'std_srvs/srv/SetBool',
  failed: message => ({ success: false, message }),
};

const never = new AbortController().signal;
const PATIENT = { timeout: 20_000, signal: never };

/** Says it again until it is heard: two nodes need a moment to find each other. */
async function until(say: () => void, heard: () => boolean): Promise<void> {
  await eventually(async () => {
    if (heard()) return true;
    say();
    await new Promise(resolve => setTimeout(resolve, 20));
    return heard();
  });
}

function recorder({ peer }: GraphBench, topic: string, qos: Qos = RELIABLE): string[] {
  const heard: string[] = [];
  peer.subscribe(text, topic, qos, ({ data }) => heard.push(data));
  return heard;
}

const ask = ({ peer }: GraphBench, data: boolean) =>
  peer.client(setBool, '/ns/node/ask').call({ data }, PATIENT);

/** What every graph does. */
export const graphCases: Readonly<Record<string, (bench: GraphBench) => Promise<void>>> = {
  'has a full name and a namespace': async ({ graph }) => {
    assert.equal(graph.name, '/ns/node');
    assert.equal(graph.namespace, '/ns');
  },

  'hands messages over in order': async bench => {
    const deep: Qos = { ...RELIABLE, depth: 50 };
    const heard = recorder(bench, '/ns/node/talk', deep);
    const publisher = bench.graph.advertise(text, '~/talk', deep);
    await until(
      () => publisher.publish({ data: 'hello' }),
      () => heard.length > 0,
    );
    for (let number = 0; number < 20; number++) publisher.publish({ data: `${number}` });
    await eventually(async () => heard.includes('19'));
    const numbers = heard.filter(data => data !== 'hello');
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, number) => `${number}`),
    );
  },

  'keeps every bit of a message with large numbers, times and lists': async ({ graph, peer }) => {
    const record = fileRecord(1, {
      size: Number.MAX_SAFE_INTEGER,
      modified: 1_790_000_000_123,
      targets: { ftp: { state: 'done', path: 'Ä b', verified: 'hash' }, web: { state: 'pending' } },
    });
    const wait: StepWait = { stage: 'deliver', target: 'web', code: 'offline', reason: 'no route', since: 5 };
    const state = toFileState(fileView(record, [wait], systemClock));
    const heard: unknown[] = [];
    peer.subscribe(topics.fileState, 'said', RELIABLE, message => heard.push(message));
    const publisher = graph.advertise(topics.fileState, '/said', RELIABLE);
    await until(
      () => publisher.publish(state),
      () => heard.length > 0,
    );
    assert.deepEqual(heard[0], state);
  },

  'sends the last latched message to a late subscriber': async bench => {
    const publisher = bench.graph.advertise(text, '/latched', LATCHED);
    publisher.publish({ data: 'first' });
    publisher.publish({ data: 'last' });
    const heard = recorder(bench, '/latched', LATCHED);
    await eventually(async () => heard.length > 0);
    assert.deepEqual(heard, ['last']);
  },

  'sends no other earlier message to a late subscriber': async bench => {
    const publisher = bench.graph.advertise(text, '/fleeting', RELIABLE);
    publisher.publish({ data: 'past' });
    const heard = recorder(bench, '/fleeting');
    await until(
      () => publisher.publish({ data: 'present' }),
      () => heard.length > 0,
    );
    assert.equal(heard.includes('past'), false);
  },

  'goes on when a listener throws': async ({ graph, peer }) => {
    let heard = 0;
    peer.subscribe(text, '/harmful', RELIABLE, () => {
      heard += 1;
      throw new Error('in a listener');
    });
    const publisher = graph.advertise(text, '/harmful', RELIABLE);
    await until(
      () => publisher.publish({ data: '' }),
      () => heard > 1,
    );
  },

  'sends nothing more to a listener that has closed': async bench => {
    const heard: string[] = [];
    const listener = bench.peer.subscribe(text, '/closing', RELIABLE, ({ data }) => heard.push(data));
    const others = recorder(bench, '/closing');
    const publisher = bench.graph.advertise(text, '/closing', RELIABLE);
    await until(
      () => publisher.publish({ data: 'before' }),
      () => heard.length > 0 && others.length > 0,
    );
    listener.close();
    publisher.publish({ data: 'after' });
    await eventually(async () => others.includes('after'));
    assert.equal(heard.includes('after'), false);
  },

  'hands serialized messages on as they are': async ({ graph, peer }) => {
    const heard: Uint8Array[] = [];
    peer.subscribeRaw(text.name, '/raw', RELIABLE, bytes => heard.push(bytes));
    const publisher = graph.advertiseRaw(text.name, '/raw', RELIABLE);
    // CDR, little endian: header, length with the final NUL, text.
    const hello = Uint8Array.of(0, 1, 0, 0, 3, 0, 0, 0, 0x68, 0x69, 0);
    await until(
      () => publisher.publish(hello),
      () => heard.length > 0,
    );
    assert.deepEqual([...(heard[0] ?? [])].slice(0, hello.length), [...hello]);
    publisher.close();
  },

  'answers a call': async bench => {
    bench.graph.serve(setBool, '~/ask', async ({ data }) => ({ success: data, message: `got ${data}` }));
    assert.deepEqual(await ask(bench, true), { success: true, message: 'got true' });
    assert.deepEqual(await ask(bench, false), { success: false, message: 'got false' });
  },

  'answers with the error when a handler throws or rejects, and goes on': async bench => {
    bench.graph.serve(setBool, '~/ask', ({ data }) => {
      if (data) throw new Error('thrown');
      return Promise.reject(new Error('rejected'));
    });
    assert.deepEqual(await ask(bench, true), { success: false, message: 'thrown' });
    assert.deepEqual(await ask(bench, false), { success: false, message: 'rejected' });
  },

  'a call to a service without a server is unavailable': async ({ peer }) => {
    const client = peer.client(setBool, '/nobody');
    await failsWith(() => client.call({ data: true }, { timeout: 60, signal: never }), 'unavailable');
  },

  'a call that is never answered times out': async bench => {
    const service = bench.graph.serve(setBool, '~/ask', () => new Promise(() => undefined));
    const client = bench.peer.client(setBool, '/ns/node/ask');
    await failsWith(
      () => client.call({ data: true }, { timeout: 2_000, signal: never }),
      'timeout',
      'unavailable',
    );
    service.close();
    client.close();
  },

  'a call ends when its signal aborts': async bench => {
    const asked = new Promise<void>(resolve => {
      bench.graph.serve(setBool, '~/ask', () => new Promise(() => resolve()));
    });
    const control = new AbortController();
    const call = bench.peer
      .client(setBool, '/ns/node/ask')
      .call({ data: true }, { ...PATIENT, signal: control.signal });
    await asked;
    control.abort();
    await failsWith(() => call, 'cancelled');
  },

  'declares parameters with their own values or those that were given': async ({ graph, given }) => {
    assert.equal(graph.declare({ name: 'colour', description: '', initial: 'red' }), 'red');
    assert.equal(graph.declare({ name: 'speed', description: '', initial: 1 }), given.speed);
  },

  'accepts an edit of a parameter, or returns the reason': async ({ graph, ...bench }) => {
    const taken: number[] = [];
    graph.declare({
      name: 'speed',
      description: '',
      initial: 1,
      refuse: speed => (speed > 100 ? 'too fast' : undefined),
      changed: speed => taken.push(speed),
    });
    graph.declare({ name: 'fixed', description: '', initial: 'as is', readOnly: true });
    assert.equal(await bench.set('speed', 50), undefined);
    assert.equal(await bench.set('speed', 500), 'too fast');
    assert.equal(await bench.set('speed', 'fast'), 'speed must be a number');
    assert.equal(await bench.set('fixed', 'else'), 'fixed can only be set when the node starts');
    assert.notEqual(await bench.set('unheard-of', 1), undefined);
    assert.deepEqual(taken, [50]);
  },

  'refuses a given value that the parameter cannot take': async ({ graph }) => {
    await failsWith(
      async () => graph.declare({ name: 'speed', description: '', initial: 'a word' }),
      'config',
    );
  },

  'leaves once, and is silent afterwards': async bench => {
    const publisher = bench.graph.advertise(text, '/leaving', RELIABLE);
    const client = bench.graph.client(setBool, '/nobody');
    const call = client.call({ data: true }, PATIENT);
    await Promise.all([failsWith(() => call), bench.graph.shutdown()]);
    await bench.graph.shutdown();
    publisher.publish({ data: 'no subscriber receives it' });
  },
};
