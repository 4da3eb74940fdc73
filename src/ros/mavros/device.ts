import { defineDevice, type DeviceContext, type DeviceType } from '../../config/definition.js';
import { sourceOn } from '../../devices/mavlink/factory.js';
import { mavros, mavrosOptions, type MavrosOptions } from '../../devices/mavros.js';
import { RemoteSource } from '../../mavlink/remote-source.js';
import type { Clock, Source } from '../../ports.js';
import type { Graph } from '../graph.js';
import { AutoSource, type AutoOptions } from './auto-source.js';
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
  return defineDevice<MavrosOptions>({
    ...mavros,
    options: mavrosOptions,
    source: (chosen, context) => {
      const { transport } = chosen;
      if (transport !== 'auto')
        context.logger.log('debug', `transport of MAVROS: ${transport}, as configured`);
      const endpoint = endpointMaker(graph, chosen, context);
      if (transport === 'endpoint') return endpoint();
      const plain = (unable: (why: string) => void): Source => {
        const { namespace, root, max_files: maxFiles } = chosen;
        const { name, clock, logger } = context;
        const state = new MavrosState(graph, namespace, clock);
        const files = new ServicesFiles({ services: servicesOf(namespace), state, clock, unable });
        return new RemoteSource({ device: name, root, maxFiles, logger }, files);
      };
      const report = (why: string) => context.logger.log('error', `${why}: ${REMEDY}`);
      return transport === 'services'
        ? plain(report)
        : autoSource(plain, report, { ...context, endpoint, grace });
    },
  });
}

/** The device types, with the definition without a graph replaced by the one on this graph. */
export function withMavros(types: readonly DeviceType[], graph: Graph, tools: MavrosTools): DeviceType[] {
  const device = mavrosDevice(graph, tools);
  return types.map(type => (isMavros(type) ? device : type));
}

export const isMavros = ({ type }: DeviceType): boolean => type === mavros.type;

/** `plain` makes a source by the services, and `report` tells a person why they cannot do it. */
function autoSource(
  plain: (unable: (why: string) => void) => Source,
  report: (why: string) => void,
  parts: Omit<AutoOptions, 'services'>,
): Source {
  const services = plain(why => {
    if (!auto.servicesUnable(why)) report(why);
  });
  const auto: AutoSource = new AutoSource({ ...parts, services });
  return auto;
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
