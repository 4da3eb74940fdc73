import { AutopilotVersion, StorageInformation } from '../mavlink/messages.js';
import {
  CAPABILITY_FTP,
  CMD_REQUEST_AUTOPILOT_CAPABILITIES,
  CMD_REQUEST_MESSAGE,
} from '../mavlink/numbers.js';
import type { Folder } from './folder.js';
import type { OutgoingMessage } from './network.js';
import type { CommandRules } from './personality.js';

// MAVLink's numbers.
const VERSION_TYPE_RELEASE = 255;
const STORAGE_READY = 2;
const MIB = 1024 * 1024;

/** Makes a message of the state of the vehicle. */
type Message = (folder: Folder) => Promise<OutgoingMessage>;

/** The message that a command requests; undefined if the vehicle does not send it. */
export function requestedMessage(
  { command, param1 }: { readonly command: number; readonly param1: number },
  rules: CommandRules,
): Message | undefined {
  if (command === CMD_REQUEST_AUTOPILOT_CAPABILITIES && param1 === 1) return version(rules);
  if (command !== CMD_REQUEST_MESSAGE || !rules.requestMessage) return undefined;
  if (param1 === AutopilotVersion.id) return version(rules);
  return param1 === StorageInformation.id && rules.storage ? storage : undefined;
}

function version({ version: [major, minor, patch], board, withoutFtp }: CommandRules): Message {
  const none = new Uint8Array(0);
  return async () => ({
    messageId: AutopilotVersion.id,
    payload: AutopilotVersion.encode({
      capabilities: Uint8Array.of(withoutFtp ? 0 : CAPABILITY_FTP),
      uid: none,
      flightSwVersion: ((major << 24) | (minor << 16) | (patch << 8) | VERSION_TYPE_RELEASE) >>> 0,
      middlewareSwVersion: 0,
      osSwVersion: 0,
      boardVersion: 0,
      vendorId: board.vendor,
      productId: board.product,
      flightCustomVersion: none,
      middlewareCustomVersion: none,
      osCustomVersion: none,
      uid2: none,
    }),
  });
}

const storage: Message = async folder => {
  const { total, free } = await folder.space();
  return {
    messageId: StorageInformation.id,
    payload: StorageInformation.encode({
      timeBootMs: 0,
      totalCapacity: total / MIB,
      usedCapacity: (total - free) / MIB,
      availableCapacity: free / MIB,
      readSpeed: 0,
      writeSpeed: 0,
      storageId: 1,
      storageCount: 1,
      status: STORAGE_READY,
      type: 0,
      name: new Uint8Array(0),
      storageUsage: 0,
    }),
  };
};
