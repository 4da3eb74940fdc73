import type { FtpPort } from '../../../src/mavlink/ftp-channel.js';
import type { FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import type { Clock } from '../../../src/ports.js';
import { Recording } from '../../../src/sim/recording.js';
import type { Captured } from './captures.js';

/** The vehicle of a trace, without a network between. */
export class ReplayedVehicle implements FtpPort {
  readonly closed = new AbortController().signal;
  readonly absence = undefined;
  readonly othersHeardAt = -Infinity;
  readonly #clock: Clock;
  readonly #recording: Recording;
  #listener: (reply: FtpPayload) => void = () => undefined;

  constructor(frames: readonly Captured[], clock: Clock) {
    this.#clock = clock;
    this.#recording = new Recording(frames);
  }

  onFtp(listener: (reply: FtpPayload) => void): void {
    this.#listener = listener;
  }

  sendFtp(request: FtpPayload): void {
    for (const { payload, delay } of this.#recording.repliesTo(request) ?? [])
      void this.#clock.sleep(delay).then(() => this.#listener(payload));
  }
}
