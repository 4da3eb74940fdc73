import { FileSyncError, throwIfAborted, toFileSyncError } from '../../errors.js';
import type { Connection, Transport } from '../../mavlink/link.js';
import { layoutOf } from '../../mavlink/messages.js';
import type { Client, Graph, Qos } from '../graph.js';
import { ENDPOINT_TYPE_UAS, MAVLINK_TYPE, routerTypes, type EndpointAnswer } from './interfaces.js';
import { decodeMavlink, encodeMavlink } from './mavlink-message.js';

/** QoS of the router's endpoints. */
export const ENDPOINT_QOS: Qos = { depth: 1000, reliability: 'best-effort', durability: 'volatile' };
/** ms to wait for a router and its answer. */
const ROUTER_TIMEOUT_MS = 3_000;
/** ms: through MAVROS heartbeats come every second; without any, it was restarted and our endpoint is gone. */
const SILENCE_TIMEOUT_MS = 15_000;

export interface EndpointOptions {
  readonly graph: Graph;
  /** ROS namespace of MAVROS: `/mavros`. */
  readonly namespace: string;
  /** A topic prefix that no other program uses: `/filesync/autopilot`. */
  readonly url: string;
}

/**
 * Raw MAVLink through an endpoint of the MAVROS router that is ours alone, parallel to MAVROS' own plugins. One
 * connection at a time: the next waits until the last is closed, since the removal of the last endpoint would remove
 * the next one, too.
 */
export function endpointTransport(options: EndpointOptions): Transport {
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: `MAVROS endpoint ${options.url}`,
    silence: SILENCE_TIMEOUT_MS,
    connect(receive, signal) {
      const connection = last.then(() => connected(options, receive, signal));
      last = connection.then(({ closed }) => closed).catch(() => undefined);
      return connection;
    },
  };
}

async function connected(
  options: EndpointOptions,
  receive: (bytes: Uint8Array) => void,
  signal: AbortSignal,
): Promise<EndpointConnection> {
  throwIfAborted(signal);
  const router = await addedEndpoint(options, signal);
  const connection = new EndpointConnection(options, router, receive);
  if (signal.aborted) await connection.close();
  return connection;
}

/**
 * Adds the endpoint to the router and returns the router's name. An endpoint of that name is removed first: a killed
 * run leaves one behind, and a second one would duplicate every message.
 */
async function addedEndpoint(
  { graph, namespace, url }: EndpointOptions,
  signal: AbortSignal,
): Promise<string> {
  const router = await withRouter(namespace, name => removeEndpoint(graph, name, url, signal));
  const add = graph.client(routerTypes.add, `${router}/add_endpoint`);
  // The abort does not end this call: an endpoint that was made has to be known, or it would never be removed.
  const answer = await once(add, { url, type: ENDPOINT_TYPE_UAS }, new AbortController().signal);
  if (answer.successful) {
    graph.logger.log('debug', `${router}: endpoint ${url} added`);
    return router;
  }
  throw new FileSyncError('unavailable', `${router} refuses the endpoint ${url}: ${answer.reason}`);
}

/** A router is in MAVROS' namespace or, where it runs separately, in none. Both names are probed at the same time. */
async function withRouter(namespace: string, use: (router: string) => Promise<unknown>): Promise<string> {
  const names = [`${namespace}/mavros_router`, '/mavros_router'];
  const attempts = names.map(name => ({
    name,
    failure: use(name).then(
      () => undefined,
      (error: unknown) => toFileSyncError(error),
    ),
  }));
  for (const { name, failure } of attempts) {
    const error = await failure;
    if (!error) return name;
    if (error.kind !== 'unavailable') throw error;
  }
  const remedy = 'start MAVROS or correct namespace';
  throw new FileSyncError('unavailable', `there is no MAVROS router (${names.join(' or ')}): ${remedy}`);
}

async function removeEndpoint(graph: Graph, router: string, url: string, signal: AbortSignal): Promise<void> {
  const remove = graph.client(routerTypes.remove, `${router}/del_endpoint`);
  const { successful, reason } = await once(remove, { id: 0, url, type: ENDPOINT_TYPE_UAS }, signal);
  graph.logger.log(
    'debug',
    `${router}: endpoint ${url} ${successful ? 'removed' : `not removed: ${reason}`}`,
  );
}

async function once<Request extends object>(
  client: Client<Request, EndpointAnswer>,
  request: Request,
  signal: AbortSignal,
): Promise<EndpointAnswer> {
  try {
    return await client.call(request, { timeout: ROUTER_TIMEOUT_MS, signal });
  } finally {
    client.close();
  }
}

class EndpointConnection implements Connection {
  /** Never resolves: ROS does not report that the router is gone, so the link's silence timeout detects that. */
  readonly ended = new Promise<FileSyncError>(() => undefined);
  readonly #options: EndpointOptions;
  readonly #router: string;
  readonly #sink;
  readonly #source;
  #closing: Promise<void> | undefined;
  #settle: () => void = () => undefined;
  readonly closed = new Promise<void>(resolve => (this.#settle = resolve));

  constructor(options: EndpointOptions, router: string, receive: (bytes: Uint8Array) => void) {
    const { graph, url } = options;
    this.#options = options;
    this.#router = router;
    this.#sink = graph.advertiseRaw(MAVLINK_TYPE, `${url}/mavlink_sink`, ENDPOINT_QOS);
    this.#source = graph.subscribeRaw(MAVLINK_TYPE, `${url}/mavlink_source`, ENDPOINT_QOS, message => {
      const head = decodeMavlink(message);
      if (head && layoutOf(head.messageId)) receive(head.frame());
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.#closing) this.#sink.publish(encodeMavlink(bytes));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close().finally(() => this.#settle()));
  }

  async #close(): Promise<void> {
    const { graph, url } = this.#options;
    this.#source.close();
    this.#sink.close();
    await removeEndpoint(graph, this.#router, url, new AbortController().signal).catch(() => undefined);
  }
}
