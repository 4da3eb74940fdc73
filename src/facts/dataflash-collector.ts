import type { FileFacts, Position } from '../file-facts.js';
import { numberField, textField, type DataflashFormat } from './dataflash-formats.js';
import { sampleDataflash } from './dataflash-samples.js';
import type { SampleSink } from './reader.js';

const WEEK_MS = 7 * 86_400_000;
/** Of GPS time, ms since the Unix epoch. */
const GPS_EPOCH = Date.UTC(1980, 0, 6);
/** By which GPS time is ahead of UTC, since 2017. */
const LEAP_MS = 18_000;
/** µs. A timestamp that is later than that after the first one is damaged. */
const MAX_DURATION_US = 31 * 86_400e6;
/** `GPS.Status`: a fix in three dimensions. */
const FIX_3D = 3;
/** Week 1560 began in 2009: receivers without a fix report earlier ones. */
const MIN_WEEK = 1560;

/** `CubeOrange 003B0036 31385113 33343733`: board, and three words of its serial number. */
const SYSTEM_ID = /^(\S+) ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{8})$/;
const FIRMWARE = /^(?:Ardu(?:Copter|Plane|Rover|Sub)|APMrover2|AntennaTracker|Blimp|Replay) V\d/;
const FRAME = /^Frame: (.+)$/;

/** Gathers facts from the messages of an ArduPilot log, which it is given one by one. */
export class DataflashCollector {
  readonly #wantsPosition: boolean;
  readonly #samples: SampleSink | undefined;
  #firstUs: number | undefined;
  #lastUs = 0;
  /** ms since the Unix epoch at the boot. */
  #bootUtc: number | undefined;
  #vehicle: string | undefined;
  #firmware: string | undefined;
  #hardware: string | undefined;
  #frame: string | undefined;
  #frameClass: number | undefined;
  #errors = 0;
  #dropouts = 0;
  #position: Position | undefined;
  #isTail = false;

  constructor(wantsPosition: boolean, samples?: SampleSink) {
    this.#wantsPosition = wantsPosition;
    this.#samples = samples;
  }

  /** What follows is from the end of the log: no first position. */
  beginTail(): void {
    this.#isTail = true;
  }

  /** @param payload without the header of three bytes */
  message(payload: Buffer, format: DataflashFormat): void {
    const timeUs = numberField(payload, format, 'TimeUS');
    this.#seen(timeUs);
    if (this.#samples && timeUs !== undefined && this.#firstUs !== undefined)
      sampleDataflash(payload, format, (timeUs - this.#firstUs) / 1e6, this.#samples);
    this.#handlers[format.name]?.(payload, format);
  }

  readonly #handlers: Readonly<Record<string, (payload: Buffer, format: DataflashFormat) => void>> = {
    GPS: (payload, format) => this.#gps(payload, format),
    MSG: (payload, format) => this.#text(textField(payload, format, 'Message') ?? ''),
    VER: (payload, format) => (this.#firmware = textField(payload, format, 'FWS') ?? this.#firmware),
    PARM: (payload, format) => {
      if (textField(payload, format, 'Name') === 'FRAME_CLASS')
        this.#frameClass ??= numberField(payload, format, 'Value');
    },
    ERR: (payload, format) => {
      // Code 0 says that an error is over.
      if (numberField(payload, format, 'ECode') !== 0) this.#errors++;
    },
    DSF: (payload, format) => {
      this.#dropouts = Math.max(this.#dropouts, numberField(payload, format, 'Dp') ?? 0);
    },
  };

  facts(): FileFacts {
    const frame = this.#frame ?? (this.#frameClass === undefined ? undefined : `class ${this.#frameClass}`);
    return {
      format: 'ardupilot',
      ...this.#times(),
      ...(this.#vehicle !== undefined && { vehicle: this.#vehicle }),
      ...(this.#firmware !== undefined && { firmware: this.#firmware }),
      ...(this.#hardware !== undefined && { hardware: this.#hardware }),
      ...(frame !== undefined && { airframe: frame }),
      ...{ errors: this.#errors, dropouts: this.#dropouts },
      ...(this.#position && { position: this.#position }),
    };
  }

  #times(): Pick<FileFacts, 'start' | 'duration'> {
    const first = this.#firstUs;
    if (first === undefined) return {};
    const duration = (this.#lastUs - first) / 1000;
    return { ...(this.#bootUtc !== undefined && { start: this.#bootUtc + first / 1000 }), duration };
  }

  #seen(timeUs: number | undefined): void {
    // Some messages at the beginning have no time.
    if (timeUs === undefined || timeUs === 0) return;
    this.#firstUs ??= this.#lastUs = timeUs;
    if (timeUs > this.#lastUs && timeUs - this.#firstUs <= MAX_DURATION_US) this.#lastUs = timeUs;
  }

  #text(text: string): void {
    const [, board, ...serial] = SYSTEM_ID.exec(text) ?? [];
    if (board !== undefined) {
      this.#hardware ??= board;
      this.#vehicle ??= serial.join('');
    }
    if (FIRMWARE.test(text)) this.#firmware ??= text;
    this.#frame ??= FRAME.exec(text)?.[1];
  }

  #gps(payload: Buffer, format: DataflashFormat): void {
    const value = (name: string) => numberField(payload, format, name) ?? NaN;
    if (!(value('Status') >= FIX_3D)) return;
    const [week, ms] = [value('GWk'), value('GMS')];
    if (week >= MIN_WEEK && ms < WEEK_MS)
      this.#bootUtc ??= GPS_EPOCH + week * WEEK_MS + ms - LEAP_MS - value('TimeUS') / 1000;
    if (!this.#wantsPosition || this.#isTail) return;
    this.#position ??= { latitude: value('Lat'), longitude: value('Lng'), altitude: value('Alt') };
  }
}
