import type { AutopilotVersion } from './messages.js';

type Version = ReturnType<(typeof AutopilotVersion)['decode']>;

/** FIRMWARE_VERSION_TYPE: the greatest number that is not above the byte. */
const TYPES = [
  [255, ''],
  [192, 'rc'],
  [128, 'beta'],
  [64, 'alpha'],
  [0, 'dev'],
] as const;

/** `firmware 1.16.0, board 26ac:0033`: what AUTOPILOT_VERSION says to people. */
export function versionText({ flightSwVersion, boardVersion, vendorId, productId }: Version): string {
  const [patch = 0, minor = 0, major = 0] = [8, 16, 24].map(bits => (flightSwVersion >>> bits) & 0xff);
  const [, type] = TYPES.find(([least]) => (flightSwVersion & 0xff) >= least) ?? TYPES[4];
  const firmware = `firmware ${major}.${minor}.${patch}${type === '' ? '' : `-${type}`}`;
  const usb = `${hex(vendorId)}:${hex(productId)}`;
  const board = vendorId > 0 ? `, board ${usb}` : boardVersion > 0 ? `, board ${boardVersion}` : '';
  return firmware + board;
}

/**
 * The autopilot's unique id as PX4 writes it into its logs (`sys_uuid`): the bytes of `uid2`, or the number `uid` of older ones;
 * empty if it has neither.
 */
export function uidText({ uid, uid2 }: Pick<Version, 'uid' | 'uid2'>): string {
  const [bytes] = [uid2, uid.toReversed()].filter(id => id.some(byte => byte !== 0));
  return bytes === undefined ? '' : Buffer.from(bytes).toString('hex');
}

const hex = (id: number): string => id.toString(16).padStart(4, '0');
