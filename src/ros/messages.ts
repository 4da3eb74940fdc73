import type { DeviceStatus } from '../engine/devices.js';
import { viewOf, type FileView } from '../record/state.js';
import type { Delivery, FileRecord } from '../ports.js';
import type { DeliveryMessage, DeviceStateMessage, FileStateMessage, Time } from './interfaces.js';

/** msg/Delivery.msg. */
const DELIVERY_STATE: Readonly<Record<Delivery['state'], number>> = {
  pending: 0,
  sending: 1,
  committing: 2,
  done: 3,
  failed: 4,
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

export function toFileState(record: FileRecord, deleted = false): FileStateMessage {
  return viewToFileState(viewOf(record), deleted);
}

export function viewToFileState(view: FileView, deleted = false): FileStateMessage {
  const { id, device, path, size, modified, state, local, sha256 = '', kept } = view;
  const { description, reason = '', targets, foundAt, updatedAt } = view;
  return {
    ...{ id, device, path, size: BigInt(size), modified: toTime(modified), state, deleted },
    ...{ local, kept, sha256, description, reason },
    targets: Object.entries(targets).map(([target, delivery]) => toDelivery(target, delivery)),
    found_at: toTime(foundAt),
    updated_at: toTime(updatedAt),
  };
}

function toDelivery(target: string, delivery: Delivery): DeliveryMessage {
  const { state, path = '', location = '', verified = '', reason = '' } = delivery;
  return { target, state: DELIVERY_STATE[state], path, location, verified, reason };
}

export function toDeviceState({ name, type, available, armed, reason }: DeviceStatus): DeviceStateMessage {
  return { name, type, available, armed, reason };
}
