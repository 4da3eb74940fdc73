import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { FrameDecoder, type Frame } from '../../mavlink/frame.js';
import { AUTOPILOTS, isArmed, isAutopilot } from '../../mavlink/heartbeat-monitor.js';
import { Heartbeat } from '../../mavlink/messages.js';
import type { Clock } from '../../ports.js';

/** An autopilot whose heartbeat was heard. */
export interface Heard {
  readonly system: number;
  readonly firmware: 'PX4' | 'ArduPilot' | 'an autopilot';
  readonly armed: boolean;
}

/** The autopilots in a stream of bytes, each once, as last heard. */
export class HeartbeatListener {
  readonly #decoder = new FrameDecoder();
  readonly #heard = new Map<number, Heard>();

  get heard(): readonly Heard[] {
    return [...this.#heard.values()];
  }

  receive(bytes: Uint8Array): void {
    for (const frame of this.#decoder.push(bytes)) if (frame.messageId === Heartbeat.id) this.#note(frame);
  }

  #note(frame: Frame): void {
    if (!isAutopilot(frame)) return;
    const { system } = frame;
    const { autopilot, baseMode } = Heartbeat.decode(frame.payload);
    this.#heard.set(system, {
      system,
      firmware: AUTOPILOTS[autopilot] ?? 'an autopilot',
      armed: isArmed(baseMode),
    });
  }
}

export interface UdpPort {
  readonly port: number;
  /** Another program has it, or it may not be used: nothing could be heard. */
  readonly taken: boolean;
  readonly heard: readonly Heard[];
}

/** Listens on the ports for that many ms. Nothing is sent. Ends early, without an error, at the abort. */
export async function listenOnUdp(
  ports: readonly number[],
  { ms, clock, signal }: { readonly ms: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<readonly UdpPort[]> {
  const opened = await Promise.all(ports.map(async port => ({ port, socket: await bound(port) })));
  const listening = opened.map(({ port, socket }) => {
    // Datagrams of several vehicles are not one stream.
    const listener = new HeartbeatListener();
    socket?.on('message', bytes => listener.receive(bytes));
    return { port, socket, listener };
  });
  await clock.sleep(ms, signal).catch(() => undefined);
  return listening.map(({ port, socket, listener }) => {
    socket?.close();
    return { port, taken: !socket, heard: listener.heard };
  });
}

/** Undefined if the port cannot be had. */
async function bound(port: number): Promise<Socket | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port);
    await once(socket, 'listening');
    return socket.on('error', () => undefined);
  } catch {
    socket.close();
    return undefined;
  }
}
