import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { NEVER, of } from 'rxjs';
import { matching } from '../../src/api/query.js';
import { serveControl } from '../../src/api/server.js';
import { Records } from '../../src/record/records.js';
import type { ServiceType } from '../../src/ros/graph.js';
import { services, type ServiceResponse } from '../../src/ros/interfaces.js';
import { systemClock } from '../../src/system/clock.js';
import { databaseApi } from '../fakes/database-api.js';
import { fileRecord } from '../fakes/file-record.js';
import { MemoryStore } from '../fakes/memory-store.js';
import { makeNodeBench, type NodeBench } from '../ros/node-bench.js';
import type { Parser } from './parser.js';

const TARGETS = { ftp: { state: 'pending' } } as const;
const stored = () => [
  fileRecord(1, { targets: TARGETS }),
  fileRecord(2, { targets: TARGETS, skipped: 'exclude: **/*.ulg' }),
  fileRecord(3, { targets: TARGETS, givenUp: true, reason: 'the card is broken' }),
];
const ID = fileRecord(1).id;

// ---- the control socket -------------------------------------------------------------------------------------

const DAEMON = {
  ...{ devices: of([]), waits: () => [], progress: NEVER, paused: false, transfers: () => [] },
  isTarget: () => false,
  ...{ rescan: () => undefined, pause: () => undefined, push: () => 0 },
};

/** ms without a byte after which a client hangs up. */
const QUIET_MS = 20;

class ControlServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'filesync-fuzz-'));
  readonly path = join(this.#folder, 'db.sock');
  readonly #started: Promise<AsyncDisposable>;

  constructor() {
    this.#started = serveControl(
      this.path,
      databaseApi(new Records(new MemoryStore(stored()), systemClock), DAEMON),
    );
  }

  /** Sends the bytes, and resolves to what is answered until the server ends or is quiet. */
  async ask(bytes: Uint8Array): Promise<string> {
    await this.#started;
    const socket = createConnection(this.path);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined);
    await new Promise<void>(resolve => {
      socket.setTimeout(QUIET_MS, resolve).once('close', () => resolve());
      socket.write(bytes);
    });
    socket.destroy();
    return answer;
  }

  /** The answer to a valid request, however long that takes. */
  async status(): Promise<string> {
    const socket: Socket = createConnection(this.path);
    socket.write('GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const text of socket.setEncoding('latin1') as AsyncIterable<string>) answer += text;
    return answer;
  }

  async stop(): Promise<void> {
    await (await this.#started)[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

let server: ControlServer | undefined;
let bench: NodeBench | undefined;

/** Ends what the parsers of this file have started. */
export async function stopServers(): Promise<void> {
  await server?.stop();
  await bench?.close();
  server = bench = undefined;
}

const request = (line: string, body = '', headers = ''): string =>
  `${line} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const LINES = [
  'GET /status',
  'GET /files?',
  'GET /files/',
  'GET /flights?',
  'POST /files/retry',
  'POST /files/first',
  'PUT /paused',
  'GET //',
  'GET /events',
  'GET /log?',
  'POST /files/cancel',
  'HEAD /files?',
  ...[`PATCH /files/${ID}`, `DELETE /files/${ID}`, `GET /files/${ID}/receipt`],
  ...[`GET /files/${ID}/content`, `DELETE /files/${ID}/content`, `GET /files/${ID}/signals`],
];
const QUERIES = [
  '',
  'limit=-1',
  'limit=1e9',
  'sort=-size',
  'cursor=x.9',
  `cursor=${ID}.99999999999`,
  'match=**/*a*',
  'vehicle=__proto__',
  'state=FOUND,X',
  '__proto__=1',
  '%',
  '%ff=%',
  'since=NaN',
  'since=2026-01-01T00:00:00+02:00',
  'text=%00',
  'last_event_id=x',
  'archive=true',
  'offset=9007199254740993',
];

const control: Parser = {
  name: 'control-socket',
  seeds: [
    request('GET /api/v1/status'),
    request(`GET /files?limit=1&sort=-size&state=FOUND&match=**/*.ulg`),
    request(`GET /files/${ID}`),
    request('POST /files/retry', `{"ids":["${ID}"]}`),
    request('PUT /paused', '{"paused":true}'),
    request('GET //'),
    request('POST /files/first', '3\r\n{"a\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'),
    request('GET /status', '', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'),
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET http://[::1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n',
  ],
  generated: fc
    .tuple(
      fc.constantFrom(...LINES),
      fc.constantFrom(...QUERIES),
      fc.oneof(fc.json(), fc.string(), fc.constantFrom(`{"ids":["${ID}"]}`, '{"all":true}')),
    )
    .map(([line, query, body]) => request(line + query, body)),
  maxBytes: 64 * 1024,
  baseMs: 200,
  maxGrowth: 200,
  async parse(input) {
    server ??= new ControlServer();
    const answer = await server.ask(input);
    assert.ok(!/HTTP\/1\.1 500/.test(answer), `answered 500: ${answer.slice(0, 300)}`);
    assert.match(await server.status(), /^HTTP\/1\.1 200/);
    return answer.length;
  },
};

const globs: Parser = {
  name: 'query-patterns',
  seeds: ['**/*.ulg', '*a*', '[0-9]*', '!(a|b)', '{a,b}/**', '+(a|b)*(c)?', '2026-*/@(1|2).ulg'],
  words: ['!(', '@(', '+(', '[[:alpha:]]', '{1..9999999}', '**', '(?', ')', '|', '\\Q'],
  generated: fc
    .array(
      fc.constantFrom(
        '*',
        '**',
        '/',
        'a',
        '[',
        ']',
        '(',
        ')',
        '{',
        '}',
        ',',
        '!',
        '+(',
        '|',
        '2',
        '..',
        '?',
        '.ulg',
      ),
      { maxLength: 30 },
    )
    .map(all => all.join('')),
  worst: ['*a', '+(', '{', '[', '(', '**/', '!', '\\', '{a,b}'],
  maxBytes: 16 * 1024,
  // Making an automaton of a pattern of 1024 characters.
  baseMs: 300,
  parse: async input => (await matching(stored(), input.toString(), systemClock)).length,
};

// ---- requests of ROS ----------------------------------------------------------------------------------------

/** A service of any kind: what its fields are is not known here. */
type AnyService = ServiceType<object, ServiceResponse>;

const SERVICES = [
  [services.listFiles, 'list_files'],
  [services.flights, 'flights'],
  [services.getFile, 'get_file'],
  [services.setFile, 'set_file'],
  [services.forgetFile, 'forget_file'],
  [services.retry, 'retry'],
  [services.fetchFile, 'fetch_file'],
  [services.first, 'first'],
  [services.cancel, 'cancel'],
] as unknown as readonly (readonly [AnyService, string])[];

const REQUEST = {
  ...{ id: ID, ids: [ID], states: [0], device: '', vehicle: '', offset: 0, limit: 0 },
  ...{
    set_state: false,
    state: 0,
    set_description: false,
    description: '',
    set_targets: false,
    targets: [] as string[],
  },
};
/** The generator of rclnodejs makes these of the wire: a text is a text, whatever is in it. */
const requestOf = fc.record({
  id: fc.oneof(fc.constantFrom(ID, '', '__proto__', '../x'), fc.string()),
  ids: fc.array(fc.oneof(fc.constant(ID), fc.string())),
  states: fc.array(fc.nat(255)),
  device: fc.oneof(fc.constantFrom('', 'autopilot', 'constructor'), fc.string()),
  vehicle: fc.oneof(fc.constantFrom('', 'autopilot', '__proto__'), fc.string()),
  offset: fc.oneof(fc.nat(2), fc.nat(2 ** 32 - 1)),
  limit: fc.oneof(fc.nat(2), fc.nat(2 ** 32 - 1)),
  ...{ set_state: fc.boolean(), state: fc.nat(255), set_description: fc.boolean(), description: fc.string() },
  ...{
    set_targets: fc.boolean(),
    targets: fc.array(fc.constantFrom('ftp', 'nobody', '__proto__', 'toString')),
  },
});

/** The values of the input that have the type of their field, as a message of ROS has them. */
function typed(text: string): typeof REQUEST {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ...REQUEST, id: text, description: text, set_description: true };
  }
  const given = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>;
  const fields = Object.entries(REQUEST).map(([name, usual]) => {
    const value = Object.hasOwn(given, name) ? given[name] : usual;
    const items =
      Array.isArray(value) && Array.isArray(usual)
        ? value.filter(item => typeof item === (name === 'states' ? 'number' : 'string'))
        : undefined;
    const isNumber = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    if (typeof usual === 'number') return [name, isNumber ? value : usual];
    return [name, items ?? (typeof value === typeof usual && !Array.isArray(usual) ? value : usual)];
  });
  return Object.fromEntries(fields) as typeof REQUEST;
}

const ros: Parser = {
  name: 'ros-requests',
  seeds: [JSON.stringify(REQUEST), JSON.stringify({ ...REQUEST, set_targets: true, targets: ['ftp'] })],
  generated: requestOf.map(one => JSON.stringify(one)),
  maxBytes: 64 * 1024,
  baseMs: 100,
  maxGrowth: 400,
  async parse(input) {
    bench ??= await makeNodeBench({ store: new MemoryStore(stored()) });
    const message = { ...typed(input.toString()), since: { sec: 1, nanosec: 0 } };
    const answers = [];
    for (const [type, name] of SERVICES) {
      const answer: ServiceResponse = await bench.call(type, name, message);
      assert.equal(typeof answer.success, 'boolean');
      assert.ok(answer.success || answer.message !== '', `${name} refuses without a reason`);
      answers.push(answer);
    }
    const errors = bench.logger.messages('error');
    assert.deepEqual(errors, [], 'a handler failed');
    return answers;
  },
};

export const requestParsers: readonly Parser[] = [control, globs, ros];
