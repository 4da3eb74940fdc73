import type { File, FlightView, Status, TransferView } from '../api/schema.js';
import { FileState } from '../ports.js';
import type {
  DeliveryMessage,
  DeviceStateMessage,
  FileStateMessage,
  FlightMessage,
  ProgressMessage,
  StatusMessage,
  Time,
  WaitingGroupMessage,
} from './interfaces.js';

/** msg/Delivery.msg. */
const DELIVERY_STATE: Readonly<Record<File['targets'][number]['state'], number>> = {
  ...{ PENDING: 0, SENDING: 1, COMMITTING: 2, DONE: 3, FAILED: 4 },
};
/** msg/Status.msg. */
const VERDICT: Readonly<Record<Status['verdict']['code'], number>> = { SAFE: 0, WAIT: 1, ATTENTION: 2 };

/** msg/Flight.msg. */
const FLIGHT_STATE: Readonly<Record<FlightView['state'], number>> = {
  ...{ COMPLETE: 0, UNDER_WAY: 1, FAILED: 2, INCOMPLETE: 3 },
};

/** Seconds that builtin_interfaces/Time can hold, from 1901 to 2038. */
const [EARLIEST, LATEST] = [-(2 ** 31), 2 ** 31 - 1];

/** `ms` since the Unix epoch, or the nearest time that ROS can hold; zero where it is not known. */
export function toTime(ms = 0): Time {
  const sec = Math.floor(ms / 1000);
  return {
    sec: Math.min(LATEST, Math.max(EARLIEST, sec)),
    nanosec: Math.floor((ms - sec * 1000) * 1e6),
  };
}

/** A time of the API, RFC 3339. */
const timeOf = (text: string | null): Time => toTime(text === null ? undefined : Date.parse(text));

export function toFileState(file: File, deleted = false): FileStateMessage {
  const { id, device, path, size, on_source, local, kept, sha256, description, reason } = file;
  return {
    ...{ id, device, path, size: BigInt(size), state: FileState[file.state], deleted },
    ...{ on_source, local, kept, sha256, description, reason },
    failed_attempts: file.failed_attempts,
    modified: timeOf(file.modified),
    targets: file.targets.map(toDelivery),
    found_at: timeOf(file.found_at),
    fetched_at: timeOf(file.fetched_at),
    delivered_at: timeOf(file.delivered_at),
    removed_at: timeOf(file.removed_at),
    updated_at: timeOf(file.updated_at),
    waiting: file.waiting.map(wait => ({ ...wait, since: timeOf(wait.since), until: timeOf(wait.until) })),
  };
}

/** ms since the Unix epoch. */
export const fromTime = ({ sec, nanosec }: Time): number => sec * 1000 + nanosec / 1e6;

function toDelivery(delivery: File['targets'][number]): DeliveryMessage {
  return {
    ...delivery,
    state: DELIVERY_STATE[delivery.state],
    updated_at: timeOf(delivery.updated_at),
  };
}

export function toFlight(flight: FlightView): FlightMessage {
  const { started_at, found_at, duration_seconds: seconds, bytes, missing } = flight;
  return {
    ...{ ...flight, state: FLIGHT_STATE[flight.state], bytes: BigInt(bytes) },
    ...{ started_at: timeOf(started_at), found_at: timeOf(found_at), duration_seconds: seconds ?? -1 },
    missing: missing.map(group => ({
      ...{ ...group, state: FileState[group.state], bytes: BigInt(group.bytes) },
      ...{ since: timeOf(group.since), until: timeOf(group.until) },
    })),
  };
}

export function toDeviceState({ link, ...device }: Status['devices'][number]): DeviceStateMessage {
  return {
    ...{ ...device, since: timeOf(device.since) },
    ...{ link_bytes_per_second: link?.bytes_per_second ?? -1, link_loss: link?.loss ?? -1 },
    link_rtt_ms: link?.rtt_ms ?? -1,
  };
}

/** `now`: ms since the Unix epoch. */
export function toStatus(status: Status, now: number): StatusMessage {
  const { verdict, version, paused, database, configuration, devices, counts, transfers, waiting } = status;
  const { disk, notifications, units, web } = status;
  return {
    ...{
      stamp: toTime(now),
      version,
      paused,
      database,
      configuration,
      web,
      running_since: timeOf(status.running_since),
    },
    ...{ code: VERDICT[verdict.code], text: verdict.text, seconds_left: verdict.seconds_left ?? -1 },
    devices: devices.map(toDeviceState),
    counts: Object.entries(counts).map(([state, count]) => {
      return { state: FileState[state as File['state']], count };
    }),
    units,
    transfers: transfers.map(transfer => toProgress(transfer, now)),
    waiting: waiting.map(toWaitingGroup),
    notifications: notifications.map(one => ({ ...one, since: timeOf(one.since) })),
    disk_free: BigInt(disk?.free ?? 0),
    disk_total: BigInt(disk?.total ?? 0),
  };
}

export function toProgress(transfer: TransferView, now: number): ProgressMessage {
  const { bytes, size, seconds_left } = transfer;
  return {
    ...transfer,
    ...{ stamp: toTime(now), bytes: BigInt(bytes), size: BigInt(size), seconds_left: seconds_left ?? -1 },
  };
}

function toWaitingGroup(group: Status['waiting'][number]): WaitingGroupMessage {
  return {
    ...group,
    ...{ since: timeOf(group.since), until: timeOf(group.until), bytes: BigInt(group.bytes) },
  };
}
