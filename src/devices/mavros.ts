import * as z from 'zod';
import { defineDevice } from '../config/definition.js';
import { FileSyncError } from '../errors.js';
import { vehicleOptions } from './mavlink/options.js';

const rosName = () =>
  z
    .string()
    .regex(
      /^(\/[A-Za-z_][A-Za-z0-9_]*)+$/,
      'must be an absolute name of letters, digits and _, such as /mavros',
    );

export const mavrosOptions = z.object({
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
export type MavrosOptions = z.output<typeof mavrosOptions>;

const LINK_OF_MAVROS =
  'MAVROS, not this program, has the connection to the vehicle: leave it out, or reach the vehicle by its address (use type: mavlink)';

/**
 * The definition without a ROS graph: it checks the options, and its source reports what is missing. On a graph,
 * `src/ros/mavros/device.ts` replaces it.
 */
export const mavros = defineDevice({
  type: 'mavros',
  summary:
    'Source: log files of an autopilot (PX4, ArduPilot), through a running MAVROS (ROS 2; `filesync node`)',
  options: mavrosOptions,
  exclusive: true,
  autopilot: true,
  lacks: { over: LINK_OF_MAVROS, unmetered: LINK_OF_MAVROS },
  link: ({ hours }) => ({ unmetered: false, hours, watched: true }),
  source: (_options, { name }) => {
    throw new FileSyncError(
      'config',
      `${name} is of type mavros, which needs ROS 2: start with \`filesync node\` (\`ros2 run filesync filesync\`), or reach the vehicle without MAVROS by type: mavlink`,
      { device: name },
    );
  },
});
