import type { SerialPort } from 'serialport';
import { FileSyncError } from '../errors.js';
import { duplexConnection } from './duplex-connection.js';
import type { Transport } from './link.js';

export interface SerialOptions {
  readonly path: string;
  readonly baudRate: number;
  /** Hardware flow control. */
  readonly rtscts?: true;
}

/** Loads the `serialport` library, an optional dependency. Throws as an import does. */
export type LoadSerialPort = () => Promise<typeof import('serialport')>;

/** MAVLink over a serial port: a USB cable or a telemetry radio. */
export function serialTransport(
  options: SerialOptions,
  load: LoadSerialPort = () => import('serialport'),
): Transport {
  const name = `serial port ${options.path}`;
  const translate = (cause?: Error) =>
    new FileSyncError(kindOf(cause), `${name} ${problemOf(cause)}`, { cause });
  return {
    name,
    async connect(receive, signal) {
      const { SerialPort } = await loaded(load);
      const port = new SerialPort({ ...options, autoOpen: false });
      await opened(port).catch((error: Error) => {
        throw translate(error);
      });
      const connection = duplexConnection(port, receive, translate, () => closed(port));
      if (signal.aborted) await connection.close();
      return connection;
    },
  };
}

async function loaded(load: LoadSerialPort): Promise<typeof import('serialport')> {
  try {
    return await load();
  } catch (cause) {
    const remedy = 'run "npm install serialport" in the program\'s folder';
    throw new FileSyncError('unsupported', `serial ports need the package serialport: ${remedy}`, { cause });
  }
}

const opened = (port: SerialPort) =>
  new Promise<void>((resolve, reject) => {
    port.open(error => (error ? reject(error) : resolve()));
  });

const closed = (port: SerialPort) =>
  new Promise<void>(resolve => {
    if (port.isOpen) port.close(() => resolve());
    else resolve();
  });

/** Messages of the library and what to report for them. */
const PROBLEMS: readonly (readonly [RegExp, string])[] = [
  [
    /no such file|no such device|not found|ENXIO|ENOENT/i,
    'does not exist: plug in the vehicle, or correct url',
  ],
  [
    /permission denied|EACCES/i,
    'cannot be opened (permission denied): add the user to the group dialout and log in again',
  ],
  [
    /lock|busy|temporarily unavailable|EBUSY/i,
    'is in use by another program (MAVROS, ModemManager): end that one',
  ],
  [/baud|EINVAL|invalid argument/i, 'does not support that baud rate: correct it in url'],
];

function problemOf(cause: Error | undefined): string {
  const said = cause?.message ?? '';
  const known = PROBLEMS.find(([pattern]) => pattern.test(said))?.[1];
  return known ?? 'was disconnected: it is opened again as soon as it is back';
}

const kindOf = (cause: Error | undefined) =>
  /permission denied|EACCES/i.test(cause?.message ?? '') ? 'denied' : 'unavailable';
