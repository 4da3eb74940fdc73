import { createSocket, type Socket } from 'node:dgram';
import { encodeFrame, FrameDecoder, type Frame } from '../../src/mavlink/frame.js';
import type { Closable, Graph, Publisher } from '../../src/ros/graph.js';
import { ENDPOINT_QOS } from '../../src/ros/mavros/endpoint.js';
import { MAVLINK_TYPE, routerTypes, type EndpointRequest } from '../../src/ros/mavros/interfaces.js';
import { decodeMavlink, encodeMavlink } from '../../src/ros/mavros/mavlink-message.js';

interface Endpoint extends EndpointRequest {
  readonly source: Publisher<Uint8Array> & Closable;
  readonly sink: Closable;
}

/** The MAVROS router between a vehicle on UDP and its endpoints in the graph; as there, one that is added twice is there twice. */
export class StandInRouter {
  readonly endpoints: Endpoint[] = [];
  /** Why it makes no endpoint. */
  refusal: string | undefined;
  /** What passes either way; all else is lost. */
  passes: (frame: Frame) => boolean = () => true;
  readonly #graph: Graph;
  readonly #vehicle: Socket = createSocket('udp4');
  readonly #port: number;
  readonly #services: Closable[];

  constructor(graph: Graph, vehiclePort: number, name = '/mavros/mavros_router') {
    this.#graph = graph;
    this.#port = vehiclePort;
    const decoder = new FrameDecoder();
    this.#vehicle.on('message', bytes => {
      for (const frame of decoder.push(bytes).filter(one => this.passes(one)))
        for (const { source } of this.endpoints) source.publish(encodeMavlink(encodeFrame(frame)));
    });
    this.#services = [
      graph.serve(routerTypes.add, `${name}/add_endpoint`, request => this.#add(request)),
      graph.serve(routerTypes.remove, `${name}/del_endpoint`, request => this.#remove(request)),
    ];
  }

  async close(): Promise<void> {
    for (const service of this.#services) service.close();
    await new Promise<void>(resolve => this.#vehicle.close(resolve));
  }

  #add({ url, type }: EndpointRequest) {
    if (this.refusal !== undefined) return { successful: false, reason: this.refusal, id: 0 };
    const source = this.#graph.advertiseRaw(MAVLINK_TYPE, `${url}/mavlink_source`, ENDPOINT_QOS);
    const sink = this.#graph.subscribeRaw(MAVLINK_TYPE, `${url}/mavlink_sink`, ENDPOINT_QOS, message => {
      const frame = decodeMavlink(message)?.frame();
      if (frame) this.#vehicle.send(frame, this.#port, '127.0.0.1');
    });
    this.endpoints.push({ url, type, source, sink });
    return { successful: true, reason: '', id: this.endpoints.length };
  }

  #remove({ url, type }: EndpointRequest) {
    const index = this.endpoints.findIndex(one => one.url === url && one.type === type);
    const [removed] = index < 0 ? [] : this.endpoints.splice(index, 1);
    removed?.source.close();
    removed?.sink.close();
    return { successful: removed !== undefined, reason: '' };
  }
}
