import type { SerialPort } from 'serialport';
import { FileSyncError } from '../errors.js';
import { duplexConnection } from './duplex-connection.js';
import type { Transport } from './link.js';

export interface SerialOptions {
  readonly path: string;
  readonly baudRate: number;
}

/** Gives the `serialport` library, which is an optional dependency. Throws whatever an import throws. */
export type LoadSerialPort = () => Promise<typeof import('serialport')>;

/** MAVLink over a serial port: a USB cable or a telemetry radio. */
export function serialTransport(
  options: SerialOptions,
  load: LoadSerialPort = () => import('serialport'),
): Transport {
  const name = `serial port ${options.path}`;
  const translate = (cause?: Error) =>
    new FileSyncError(kindOf(cause), `${name} ${trouble(cause)}`, { cause });
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
    const cure = 'run "npm install serialport" in the program\'s folder';
    throw new FileSyncError('unsupported', `serial ports need the package serialport: ${cure}`, { cause });
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

/** What the library says, in its own words, and what it means. */
const TROUBLES: readonly (readonly [RegExp, string])[] = [
  [
    /no such file|no such device|not found|ENXIO|ENOENT/i,
    'is not there: plug the vehicle in, or correct url',
  ],
  [/permission denied|EACCES/i, 'may not be opened: add the user to the group dialout and log in again'],
  [
    /lock|busy|temporarily unavailable|EBUSY/i,
    'is in use by another program (MAVROS, ModemManager): end that one',
  ],
  [/baud|EINVAL|invalid argument/i, 'does not take that baud rate: correct it in url'],
];

function trouble(cause: Error | undefined): string {
  const said = cause?.message ?? '';
  const known = TROUBLES.find(([pattern]) => pattern.test(said))?.[1];
  return known ?? 'was cut off: it is opened anew as soon as it is there again';
}

const kindOf = (cause: Error | undefined) =>
  /permission denied|EACCES/i.test(cause?.message ?? '') ? 'denied' : 'unavailable';
