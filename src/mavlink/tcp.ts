import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FileSyncError } from '../errors.js';
import { connectionErrorText } from '../system/connection-errors.js';
import { duplexConnection } from './duplex-connection.js';
import type { Transport } from './link.js';
import type { Endpoint } from './url.js';

/** ms: heartbeats come every second; only their absence shows that a peer has vanished. */
const SILENCE_TIMEOUT_MS = 15_000;

/** MAVLink over a TCP connection, as its client. */
export function tcpTransport({ host, port }: Endpoint): Transport {
  const name = `TCP ${host}:${port}`;
  const translate = (cause?: Error) => {
    const text = connectionErrorText(cause) ?? 'closed the connection';
    return new FileSyncError('unavailable', `${name} ${text}`, { cause });
  };
  return {
    name,
    silence: SILENCE_TIMEOUT_MS,
    async connect(receive, signal) {
      const socket = connect({ host, port, noDelay: true });
      try {
        await once(socket, 'connect', { signal });
      } catch (cause) {
        socket.on('error', () => undefined);
        await closed(socket);
        throw translate(cause instanceof Error ? cause : undefined);
      }
      return duplexConnection(socket, receive, translate, () => closed(socket));
    },
  };
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const done = new Promise(resolve => socket.once('close', resolve));
  socket.destroy();
  await done;
}
