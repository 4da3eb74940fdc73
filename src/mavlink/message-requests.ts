import type { Clock } from '../ports.js';
import { withinTime } from '../system/deadline.js';
import type { Frame } from './frame.js';
import type { TargetSystem } from './heartbeat-monitor.js';
import {
  AutopilotVersion,
  CommandAck,
  CommandLong,
  type Fields,
  type MessageType,
  type Values,
} from './messages.js';
import {
  CMD_REQUEST_AUTOPILOT_CAPABILITIES,
  CMD_REQUEST_MESSAGE,
  RESULT_ACCEPTED,
  RESULT_IN_PROGRESS,
} from './numbers.js';

/** ms from one transmission of a command to the next. */
const RESEND_INTERVAL_MS = 1_000;
const MAX_TRANSMISSIONS = 3;

export interface MessageRequestsOptions {
  readonly clock: Clock;
  readonly closed: AbortSignal;
  /** While this is true, nothing is sent. */
  readonly armed: () => boolean;
  readonly target: () => TargetSystem | undefined;
  readonly send: (messageId: number, payload: Uint8Array) => void;
}

/** A message that is waited for. */
interface Pending {
  readonly messageId: number;
  readonly command: number;
  /** With the payload, or undefined for a refusal. */
  settle(payload: Uint8Array | undefined): void;
}

/**
 * Messages that an autopilot sends on request. Only commands that request a message are ever sent: they change nothing on
 * the vehicle.
 */
export class MessageRequests {
  readonly #options: MessageRequestsOptions;
  readonly #pending = new Set<Pending>();

  constructor(options: MessageRequestsOptions) {
    this.#options = options;
  }

  /** Undefined if the vehicle is armed, refuses or does not answer. Rejects with `cancelled`. */
  async request<F extends Fields>(type: MessageType<F>, signal: AbortSignal): Promise<Values<F> | undefined> {
    const payload =
      (await this.#ask(type.id, CMD_REQUEST_MESSAGE, type.id, signal)) ??
      (type.id === AutopilotVersion.id
        ? await this.#ask(type.id, CMD_REQUEST_AUTOPILOT_CAPABILITIES, 1, signal)
        : undefined);
    return payload && type.decode(payload);
  }

  receive({ system, component, messageId, payload }: Frame): void {
    const target = this.#options.target();
    if (system !== target?.system || component !== target.component) return;
    const ack = messageId === CommandAck.id ? CommandAck.decode(payload) : undefined;
    for (const pending of this.#pending) {
      if (pending.messageId === messageId) pending.settle(payload);
      else if (ack?.command === pending.command && isRefusal(ack.result)) pending.settle(undefined);
    }
  }

  async #ask(
    messageId: number,
    command: number,
    param1: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { clock, closed, armed } = this.#options;
    let over = false;
    let settle: (payload: Uint8Array | undefined) => void = () => undefined;
    const answer = new Promise<Uint8Array | undefined>(resolve => (settle = resolve));
    const pending: Pending = { messageId, command, settle };
    this.#pending.add(pending);
    try {
      void answer.then(() => (over = true));
      for (let sent = 0; sent < MAX_TRANSMISSIONS && !over && !armed(); sent++) {
        this.#send(command, param1);
        const found = await withinTime(answer, { ms: RESEND_INTERVAL_MS, clock, signal: [signal, closed] });
        if (found) return found;
      }
      return undefined;
    } finally {
      this.#pending.delete(pending);
    }
  }

  #send(command: number, param1: number): void {
    const target = this.#options.target();
    if (!target) return;
    const rest = { param2: 0, param3: 0, param4: 0, param5: 0, param6: 0, param7: 0, confirmation: 0 };
    const ids = { targetSystem: target.system, targetComponent: target.component };
    this.#options.send(CommandLong.id, CommandLong.encode({ command, param1, ...rest, ...ids }));
  }
}

const isRefusal = (result: number): boolean => result !== RESULT_ACCEPTED && result !== RESULT_IN_PROGRESS;
