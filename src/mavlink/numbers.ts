// Values of MAVLink's enumerations (common message set).

/** MAV_TYPE. */
export const [TYPE_QUADROTOR, TYPE_GCS, TYPE_ONBOARD_CONTROLLER] = [2, 6, 18];
/** MAV_AUTOPILOT: the sender is no autopilot. */
export const AUTOPILOT_INVALID = 8;
/** MAV_STATE. */
export const STATE_ACTIVE = 4;
/** MAV_MODE_FLAG. */
export const MODE_FLAG_ARMED = 128;
/** MAV_COMPONENT. */
export const COMPONENT_AUTOPILOT = 1;
/** MAV_PROTOCOL_CAPABILITY. */
export const CAPABILITY_FTP = 32;
/** Of HEARTBEAT. */
export const MAVLINK_VERSION = 3;

/** MAV_CMD. */
export const CMD_COMPONENT_ARM_DISARM = 400;
export const CMD_REQUEST_MESSAGE = 512;
export const CMD_REQUEST_AUTOPILOT_CAPABILITIES = 520;
/** MAV_RESULT. */
export const [RESULT_ACCEPTED, RESULT_UNSUPPORTED, RESULT_IN_PROGRESS] = [0, 3, 5];
