import { register } from 'node:module';
import { systemClock } from '../../src/system/clock.js';
import { StandInMavros } from '../fakes/stand-in-mavros.js';

// A process that is MAVROS with a vehicle: the stand-in on rclnodejs, with the folder that is its argument as the vehicle's `/`.
// Says `ready`, then `call N SERVICE PATH` for each call; where the real one aborts, it says `died: WHY` and ends with 134. SIGUSR1
// arms and disarms the vehicle. ROS must be sourced.

/** As a shell sees an abort. */
const ABORTED = 134;

register('./installed-rclnodejs.js', import.meta.url);
const { RclnodejsGraph } = await import('../../src/ros/rclnodejs-graph.js');

const [folder = ''] = process.argv.slice(2);
const clock = systemClock;
const graph = await RclnodejsGraph.join({ name: 'mavros', rosArguments: [], env: process.env, clock });
let calls = 0;
const standIn = new StandInMavros({
  graph,
  clock,
  folder,
  called: ({ service, path }) => console.log(`call ${++calls} ${service} ${path}`),
  died: why => {
    console.error(`died: ${why}`);
    process.exit(ABORTED);
  },
});

let armed = false;
process.on('SIGUSR1', () => {
  armed = !armed;
  standIn.arm(armed);
});
console.log('ready');
