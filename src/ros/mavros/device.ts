import { defineDevice, type DeviceContext, type DeviceType } from '../../config/definition.js';
import { sourceOn } from '../../devices/mavlink/factory.js';
import { mavros, mavrosOptions, type MavrosOptions } from '../../devices/mavros.js';
import { RemoteSource } from '../../mavlink/remote-source.js';
import type { Clock, Source } from '../../ports.js';
import type { Graph } from '../graph.js';
import { AutoSource } from './auto-source.js';
import { endpointTransport } from './endpoint.js';
import { FtpLock } from './ftp-lock.js';
import { FtpServices } from './ftp-services.js';
import { REMEDY, ServicesFiles } from './services-files.js';
import { MavrosState } from './state.js';

export interface MavrosTools {
  readonly clock: Clock;
  /** ms at the start without FTP calls; default: until a call of a former run has certainly ended. */
  readonly quietAtStart?: number;
  /** ms that `auto` waits for an endpoint to come up; default 6,000. */
  readonly grace?: number;
}

/** The device type on a ROS graph. All devices of one returned type share one lock over the FTP services. */
export function mavrosDevice(graph: Graph, { clock, quietAtStart, grace }: MavrosTools): DeviceType {
  const lock = new FtpLock(clock, graph.logger, quietAtStart);
  const known = new Map<string, FtpServices>();
  const servicesOf = (namespace: string) => {
    const services = known.get(namespace) ?? new FtpServices({ graph, namespace, clock, lock });
    known.set(namespace, services);
    return services;
  };
  const { type, summary } = mavros;
  return defineDevice<MavrosOptions>({
    type,
    summary,
    options: mavrosOptions,
    source: (chosen, context) => {
      const { transport } = chosen;
      if (transport !== 'auto')
        context.logger.log('debug', `transport of MAVROS: ${transport}, as configured`);
      const endpoint = endpointMaker(graph, chosen, context);
      if (transport === 'endpoint') return endpoint();
      const services = servicesOf(chosen.namespace);
      return transport === 'services'
        ? plainSource(graph, services, chosen, context)
        : autoSource(graph, services, chosen, context, { endpoint, grace });
    },
  });
}

/** The device types, with the definition without a graph replaced by the one on this graph. */
export function withMavros(types: readonly DeviceType[], graph: Graph, tools: MavrosTools): DeviceType[] {
  const device = mavrosDevice(graph, tools);
  return types.map(type => (isMavros(type) ? device : type));
}

export const isMavros = ({ type }: DeviceType): boolean => type === mavros.type;

function plainSource(
  graph: Graph,
  services: FtpServices,
  chosen: MavrosOptions,
  context: DeviceContext,
): Source {
  return servicesSource(graph, services, chosen, context, why => reportRemedy(why, context));
}

const reportRemedy = (why: string, { logger }: DeviceContext) => logger.log('error', `${why}: ${REMEDY}`);

function autoSource(
  graph: Graph,
  services: FtpServices,
  chosen: MavrosOptions,
  context: DeviceContext,
  how: { readonly endpoint: () => Source; readonly grace: number | undefined },
): Source {
  const unable = (why: string) => {
    if (!auto.servicesUnable(why)) reportRemedy(why, context);
  };
  const plain = servicesSource(graph, services, chosen, context, unable);
  const auto: AutoSource = new AutoSource({ ...context, ...how, services: plain });
  return auto;
}

function servicesSource(
  graph: Graph,
  services: FtpServices,
  { namespace, root, max_files }: MavrosOptions,
  { name, clock, logger }: DeviceContext,
  unable: (why: string) => void,
): Source {
  const state = new MavrosState(graph, namespace, clock);
  const files = new ServicesFiles({ services, state, clock, unable });
  return new RemoteSource({ device: name, root, maxFiles: max_files, logger }, files);
}

/** The sources that the returned function makes, one after the other, share one endpoint. */
function endpointMaker(graph: Graph, chosen: MavrosOptions, context: DeviceContext): () => Source {
  const url = `${graph.name}/${topicName(context.name)}`;
  const transport = endpointTransport({ graph, namespace: chosen.namespace, url });
  return () => sourceOn(transport, chosen, context);
}

/** The device's name as a part of a topic; other characters become their code, so that the result is unique. */
function topicName(device: string): string {
  return `d_${device.replace(/[^A-Za-z0-9]/g, character => `_${character.charCodeAt(0).toString(16)}_`)}`;
}
