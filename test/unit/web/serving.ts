import { scryptSync } from 'node:crypto';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as requestTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { BehaviorSubject, NEVER } from 'rxjs';
import { DatabaseApi, type Daemon } from '../../../src/api/database-api.js';
import { SCOPES, webSchema, type Scope } from '../../../src/config/web.js';
import type { FileRecord } from '../../../src/ports.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { LIMITS, type Limits } from '../../../src/web/listener.js';
export type { Limits };
import { PageFiles } from '../../../src/web/page-files.js';
import { WebServer, type WebServerParts } from '../../../src/web/server.js';
import { hashToken, makeToken } from '../../../src/web/tokens.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

export const PASSWORD = 'correct horse battery';
const salt = Buffer.alloc(16, 7);
/** Of PASSWORD, at the least cost. */
export const PASSWORD_HASH = `$scrypt$ln=1,r=1,p=1$${[
  salt,
  scryptSync(PASSWORD, salt, 32, { N: 2, r: 1, p: 1 }),
]
  .map(bytes => bytes.toString('base64').replace(/=+$/, ''))
  .join('$')}`;

/** A token for each scope alone. */
export const TOKENS = Object.fromEntries(SCOPES.map(scope => [scope, makeToken()])) as Record<Scope, string>;
export const TOKEN_CONFIG = SCOPES.map(scope => ({
  ...{ name: scope, hash: hashToken(TOKENS[scope]), scopes: [scope] },
}));
export const LOCKED = { password: PASSWORD_HASH, tokens: TOKEN_CONFIG };
export const bearer = (scope: Scope) => ({ authorization: `Bearer ${TOKENS[scope]}` });
/** What a request that changes something needs. */
export const WRITE = { 'x-filesync': '1', 'content-type': 'application/json' };

const daemon: Daemon = {
  devices: new BehaviorSubject([]),
  progress: NEVER,
  paused: false,
  waits: () => [],
  transfers: () => [],
  rescan: () => undefined,
  push: () => 0,
  pause: () => undefined,
  isTarget: () => true,
};

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  readonly ca?: Buffer;
}

/** Sends it as it is, with the header Host that it names. */
export async function ask(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', body = '', ca } = asked;
  // Node leaves out the length of a body of DELETE.
  const length = body === '' ? {} : { 'content-length': Buffer.byteLength(body) };
  const headers = { ...length, ...asked.headers };
  const options = { host: '127.0.0.1', port, method, path, headers, agent: false };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = ca ? requestTls({ ...options, ca }, resolve) : request(options, resolve);
    sent.once('error', reject).end(body);
  });
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

export interface Served {
  readonly server: WebServer;
  readonly logger: RecordingLogger;
  readonly store: MemoryStore;
  readonly api: DatabaseApi;
  readonly port: number;
  /** Asks the server. */
  readonly ask: (path: string, asked?: Asked) => Promise<Answer>;
}

export interface Serving {
  /** Of the key `web`, besides a free port on loopback. */
  readonly web?: object;
  readonly records?: readonly FileRecord[];
  readonly limits?: Partial<Limits>;
  /** A folder with the built page. */
  readonly page?: string;
  readonly parts?: Partial<WebServerParts>;
}

export const configOf = (web: object = {}) => ({
  folder: '/',
  web: webSchema.parse({ listen: '127.0.0.1:0', ...web }),
});

/** A page before a database, on a real port. */
export async function serving(
  { web, records: held = [], limits, page = '/nonexistent', parts }: Serving,
  test: (served: Served) => Promise<void>,
): Promise<void> {
  const logger = new RecordingLogger();
  const store = new MemoryStore([...held]);
  const records = new Records(store, systemClock);
  const api = new DatabaseApi({ records, clock: systemClock, local: '/', daemon });
  const server = new WebServer({
    ...{ api, clock: systemClock, logger, hostname: 'Drone1.example.org', env: {} },
    ...{ files: await PageFiles.load(page), limits: { ...LIMITS, ...limits } },
    ...parts,
  });
  try {
    await server.use(configOf(web));
    const port = server.port ?? 0;
    await test({ server, logger, store, api, port, ask: (path, asked) => ask(port, path, asked) });
  } finally {
    await server.stop();
    await api.close();
  }
}
