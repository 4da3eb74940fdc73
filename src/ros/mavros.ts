import { z } from 'zod';
import { defineDevice, type DeviceContext, type DeviceType } from '../devices/definition.js';
import { sourceOn, vehicleOptions } from '../devices/mavlink.js';
import { FileSyncError } from '../errors.js';
import { RemoteSource } from '../mavlink/remote-source.js';
import type { Clock, Source } from '../ports.js';
import type { Graph } from './graph.js';
import { AutoSource } from './mavros/auto-source.js';
import { endpointTransport } from './mavros/endpoint.js';
import { FtpLock } from './mavros/ftp-lock.js';
import { FtpServices } from './mavros/ftp-services.js';
import { CURE, ServicesFiles } from './mavros/services-files.js';
import { MavrosState } from './mavros/state.js';

const rosName = () =>
  z
    .string()
    .regex(
      /^(\/[A-Za-z_][A-Za-z0-9_]*)+$/,
      'must be an absolute name of letters, digits and _, such as /mavros',
    );

const options = z.object({
  namespace: rosName()
    .meta({ title: 'ROS namespace' })
    .default('/mavros')
    .describe('where MAVROS is in the ROS graph: its services are <namespace>/ftp/list and so on'),
  transport: z
    .enum(['auto', 'services', 'endpoint'])
    .default('auto')
    .describe(
      'endpoint: raw MAVLink through an endpoint of the MAVROS router, some thirty times as fast; services: the FTP services of MAVROS; auto: an endpoint if the router offers one and file transfer is answered there, else the services',
    ),
  ...vehicleOptions,
});
type Options = z.output<typeof options>;

const TYPE = 'mavros';
const SUMMARY =
  'Source: log files of an autopilot (PX4, ArduPilot), through a running MAVROS (ROS 2; `filesync node`)';

/** Stands in where there is no ROS graph: the options are checked, and whoever wants to use it is told what it takes. */
export const mavros: DeviceType = defineDevice({
  type: TYPE,
  summary: SUMMARY,
  options,
  source: (_options, { name }) => {
    throw new FileSyncError(
      'config',
      `${name} is of type mavros, which needs ROS 2: start with \`filesync node\` (\`ros2 run filesync filesync\`), or reach the vehicle without MAVROS by type: mavlink`,
      { device: name },
    );
  },
});

export interface MavrosOptions {
  readonly clock: Clock;
  /** ms in which no FTP call is made at first; default: until a call of a former run has certainly ended. */
  readonly quietAtStart?: number;
  /** ms that `auto` gives an endpoint to come up; default 6,000. */
  readonly grace?: number;
}

/** The device on a ROS graph. All that come from one call share one lock over the FTP services. */
export function mavrosDevice(graph: Graph, { clock, quietAtStart, grace }: MavrosOptions): DeviceType {
  const lock = new FtpLock(clock, quietAtStart);
  const known = new Map<string, FtpServices>();
  const servicesOf = (namespace: string) => {
    const services = known.get(namespace) ?? new FtpServices({ graph, namespace, clock, lock });
    known.set(namespace, services);
    return services;
  };
  return defineDevice<Options>({
    type: TYPE,
    summary: SUMMARY,
    options,
    source: (chosen, context) => {
      const endpoint = endpointMaker(graph, chosen, context);
      if (chosen.transport === 'endpoint') return endpoint();
      const services = servicesOf(chosen.namespace);
      return chosen.transport === 'services'
        ? plainSource(graph, services, chosen, context)
        : autoSource(graph, services, chosen, context, { endpoint, grace });
    },
  });
}

/** The device types with the stand-in replaced by the device on this graph. */
export function withMavros(types: readonly DeviceType[], graph: Graph, options: MavrosOptions): DeviceType[] {
  const device = mavrosDevice(graph, options);
  return types.map(type => (isMavros(type) ? device : type));
}

export const isMavros = ({ type }: DeviceType): boolean => type === TYPE;

function plainSource(graph: Graph, services: FtpServices, chosen: Options, context: DeviceContext): Source {
  return servicesSource(graph, services, chosen, context, why => tellCure(why, context));
}

const tellCure = (why: string, { logger }: DeviceContext) => logger.log('error', `${why}: ${CURE}`);

function autoSource(
  graph: Graph,
  services: FtpServices,
  chosen: Options,
  context: DeviceContext,
  how: { readonly endpoint: () => Source; readonly grace: number | undefined },
): Source {
  const unable = (why: string) => {
    if (!auto.servicesUnable(why)) tellCure(why, context);
  };
  const plain = servicesSource(graph, services, chosen, context, unable);
  const auto: AutoSource = new AutoSource({ ...context, ...how, services: plain });
  return auto;
}

function servicesSource(
  graph: Graph,
  services: FtpServices,
  { namespace, root }: Options,
  { name, clock, logger }: DeviceContext,
  unable: (why: string) => void,
): Source {
  const state = new MavrosState(graph, namespace, clock);
  const files = new ServicesFiles({ services, state, clock, unable });
  return new RemoteSource({ device: name, root, logger }, files);
}

/** What it makes one after the other shares one endpoint. */
function endpointMaker(graph: Graph, chosen: Options, context: DeviceContext): () => Source {
  const url = `${graph.name}/${topicName(context.name)}`;
  const transport = endpointTransport({ graph, namespace: chosen.namespace, url });
  return () => sourceOn(transport, chosen, context);
}

/** The device's name as a part of a topic; other characters become their code, so that no two names meet. */
function topicName(device: string): string {
  return `d_${device.replace(/[^A-Za-z0-9]/g, character => `_${character.charCodeAt(0).toString(16)}_`)}`;
}
