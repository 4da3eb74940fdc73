import type { FileFacts, Position } from '../file-facts.js';
import type { SampleSink } from './reader.js';
import { UlogFormats, type FieldPlace, type Layout } from './ulog-formats.js';
import { samplerOf, type Sampler } from './ulog-samples.js';

/** Message types (ULog file format, "Data Section"). */
const FORMAT = 0x46; // F
const DATA = 0x44; // D
const INFO = 0x49; // I
const PARAMETER = 0x50; // P
const SUBSCRIBE = 0x41; // A
const UNSUBSCRIBE = 0x52; // R
const DROPOUT = 0x4f; // O
const LOGGED = 0x4c; // L
const LOGGED_TAGGED = 0x43; // C

const MAX_SUBSCRIPTIONS = 4096;
/** µs. A timestamp that is later than that after the beginning is damaged. */
const MAX_DURATION_US = 31 * 86_400e6;
/** µs since the Unix epoch: 2010 and 2100. PX4 is younger, and a receiver without a fix reports the time of its firmware. */
const UTC_RANGE = [1.262e15, 4.102e15] as const;
/** Syslog severities: 3 is an error, and lower ones are worse. */
const ERROR = 3;
const WARNING = 4;
/** Log levels are ASCII digits. */
const DIGIT_0 = 0x30;
const GPS_TOPICS = ['vehicle_gps_position', 'sensor_gps'];
/** At least a fix in two dimensions (`fix_type` of the GPS topics). */
const MIN_FIX = 2;
const MAX_FIX = 8;

interface Subscription {
  readonly isGps: boolean;
  readonly layout: Layout;
  readonly timestamp: number | undefined;
  readonly sampler: Sampler | undefined;
}

/** Gathers facts from the messages of a log, which it is given one by one. */
export class UlogCollector {
  readonly #formats = new UlogFormats();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #info = new Map<string, string>();
  readonly #wantsPosition: boolean;
  readonly #samples: SampleSink | undefined;
  #gpsLayouts: readonly Layout[] | undefined;
  #startUs = 0;
  #lastUs = 0;
  #autostart: number | undefined;
  #release: number | undefined;
  /** ms since the Unix epoch at which the log begins, by a sample with a fix, or without one. */
  #utc: { readonly ms: number; readonly hasFix: boolean } | undefined;
  #position: Position | undefined;
  #errors = 0;
  #warnings = 0;
  #dropouts = 0;
  #dropoutMs = 0;
  #isTail = false;

  constructor(wantsPosition: boolean, samples?: SampleSink) {
    this.#wantsPosition = wantsPosition;
    this.#samples = samples;
  }

  begin(startUs: number): void {
    this.#startUs = startUs;
    this.#lastUs = startUs;
  }

  /** What follows is from the end of the log: data of subscriptions that were not read, and no first position. */
  beginTail(): void {
    this.#isTail = true;
  }

  message(type: number, payload: Buffer): void {
    switch (type) {
      case DATA:
        return this.#data(payload);
      case FORMAT:
        return this.#formats.add(payload.toString('latin1'));
      case INFO:
      case PARAMETER:
        return this.#value(type, payload);
      case SUBSCRIBE:
        return this.#subscribe(payload);
      case UNSUBSCRIBE:
        if (payload.length >= 2) this.#subscriptions.delete(payload.readUInt16LE(0));
        return;
      default:
        return this.#logged(type, payload);
    }
  }

  facts(): FileFacts {
    return {
      format: 'ulog',
      ...(this.#utc && { start: this.#utc.ms }),
      ...(this.#lastUs > this.#startUs && { duration: (this.#lastUs - this.#startUs) / 1000 }),
      ...textFact('vehicle', this.#info.get('sys_uuid')),
      ...textFact('firmware', this.#firmware()),
      ...textFact('hardware', this.#info.get('ver_hw')),
      ...(this.#autostart !== undefined && { airframe: String(this.#autostart) }),
      ...{ errors: this.#errors, warnings: this.#warnings },
      ...{ dropouts: this.#dropouts, dropoutMs: this.#dropoutMs },
      ...(this.#position && { position: this.#position }),
    };
  }

  /** Such as `PX4 v1.15.1`, `PX4 v1.16.0 (beta)`, `PX4 v1.13.0 dev cea3da71130d`. */
  #firmware(): string | undefined {
    const name = this.#info.get('sys_name');
    const hash = this.#info.get('ver_sw')?.slice(0, 12);
    const version =
      this.#release === undefined || this.#release === 0 ? hash : versionText(this.#release, hash);
    return [name, version].filter(part => part !== undefined).join(' ') || undefined;
  }

  #logged(type: number, payload: Buffer): void {
    if (type === DROPOUT && payload.length >= 2) {
      this.#dropouts++;
      this.#dropoutMs += payload.readUInt16LE(0);
    }
    if (type !== LOGGED && type !== LOGGED_TAGGED) return;
    const severity = (payload[0] ?? 0) - DIGIT_0;
    if (severity >= 0 && severity <= ERROR) this.#errors++;
    if (severity === WARNING) this.#warnings++;
  }

  /** `I` and `P`: the length of the key, the key with its type, the value. */
  #value(type: number, payload: Buffer): void {
    const end = 1 + (payload[0] ?? 0);
    const [kind = '', name = ''] = payload.toString('latin1', 1, end).split(' ');
    const value = payload.subarray(end);
    if (type === PARAMETER) this.#parameter(kind, name, value);
    else if (name === 'ver_sw_release' && value.length === 4) this.#release = value.readUInt32LE(0);
    else if (TEXTS.has(name) && kind.startsWith('char['))
      this.#info.set(name, value.toString('utf8', 0, 256));
  }

  /** The value at the beginning: later ones are changes. */
  #parameter(kind: string, name: string, value: Buffer): void {
    if (name === 'SYS_AUTOSTART' && kind === 'int32_t' && value.length === 4)
      this.#autostart ??= value.readInt32LE(0);
  }

  /** `A`: multi id, message id, name. */
  #subscribe(payload: Buffer): void {
    if (payload.length < 4 || this.#subscriptions.size >= MAX_SUBSCRIPTIONS) return;
    const name = payload.toString('latin1', 3);
    const layout = this.#formats.layout(name);
    if (!layout) return;
    const timestamp = uint64Field(layout.fields.get('timestamp'));
    const isGps = GPS_TOPICS.includes(name);
    const sampler = samplerOf(name, payload[0] ?? 0, layout, this.#samples);
    this.#subscriptions.set(payload.readUInt16LE(1), { isGps, layout, timestamp, sampler });
  }

  #data(payload: Buffer): void {
    if (payload.length < 2) return;
    const known = this.#subscriptions.get(payload.readUInt16LE(0));
    const bytes = payload.subarray(2);
    if (!known) return this.#isTail ? this.#guess(bytes) : undefined;
    if (bytes.length < known.layout.minSize || bytes.length > known.layout.size) return;
    const time = known.timestamp === undefined ? NaN : uint64(bytes, known.timestamp);
    this.#seen(time);
    known.sampler?.(bytes, (time - this.#startUs) / 1e6);
    if (known.isGps) this.#gps(bytes, known.layout);
  }

  /** Every topic of PX4 begins with its timestamp. A GPS sample has the size of one, and values as one has. */
  #guess(bytes: Buffer): void {
    if (bytes.length < 8) return;
    this.#seen(uint64(bytes, 0));
    this.#gpsLayouts ??= GPS_TOPICS.flatMap(name => this.#formats.layout(name) ?? []);
    for (const layout of this.#gpsLayouts)
      if (bytes.length >= layout.minSize && bytes.length <= layout.size) this.#gps(bytes, layout);
  }

  #seen(timestamp: number): void {
    if (timestamp > this.#lastUs && timestamp - this.#startUs <= MAX_DURATION_US) this.#lastUs = timestamp;
  }

  get #isComplete(): boolean {
    return this.#utc?.hasFix === true && (this.#position !== undefined || !this.#wantsPosition);
  }

  #gps(bytes: Buffer, layout: Layout): void {
    if (this.#isComplete) return;
    const place = positionIn(bytes, layout);
    const fix = fixIn(bytes, layout);
    if (fix > MAX_FIX || !place) return;
    const hasFix = fix >= MIN_FIX;
    this.#time(bytes, layout, hasFix);
    if (hasFix && this.#wantsPosition && !this.#isTail) this.#position ??= place;
  }

  #time(bytes: Buffer, { fields }: Layout, hasFix: boolean): void {
    const at = uint64Field(fields.get('timestamp'));
    const utcAt = uint64Field(fields.get('time_utc_usec'));
    if (at === undefined || utcAt === undefined || (this.#utc && (this.#utc.hasFix || !hasFix))) return;
    const utc = uint64(bytes, utcAt);
    const since = uint64(bytes, at) - this.#startUs;
    if (utc < UTC_RANGE[0] || utc > UTC_RANGE[1] || Math.abs(since) > MAX_DURATION_US) return;
    this.#utc = { ms: (utc - since) / 1000, hasFix };
  }
}

const TEXTS = new Set(['sys_name', 'sys_uuid', 'ver_hw', 'ver_sw']);

const textFact = <Name extends string>(name: Name, text: string | undefined) =>
  (text === undefined ? {} : { [name]: text }) as Partial<Record<Name, string>>;

/** The low byte of `ver_sw_release` says what kind of release it is (ULog file format, "ver_sw_release"). */
function versionText(release: number, hash: string | undefined): string {
  const kind = release & 0xff;
  const version = `v${release >>> 24}.${(release >>> 16) & 0xff}.${(release >>> 8) & 0xff}`;
  if (kind === 255) return version;
  if (kind < 64) return `${version} dev${hash === undefined ? '' : ` ${hash}`}`;
  return `${version} (${kind < 128 ? 'alpha' : kind < 192 ? 'beta' : 'RC'})`;
}

const uint64Field = (field: FieldPlace | undefined): number | undefined =>
  field?.type === 'uint64_t' ? field.offset : undefined;

/** Exact up to 2^53, which is more than any time in µs. */
const uint64 = (bytes: Buffer, offset: number): number =>
  offset + 8 <= bytes.length ? bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32 : NaN;

/** A log without that field shows no samples that lack a fix. */
function fixIn(bytes: Buffer, { fields }: Layout): number {
  const fix = fields.get('fix_type');
  return fix?.type === 'uint8_t' ? (bytes[fix.offset] ?? 0) : MIN_FIX;
}

/** Undefined if there is none, or it is none on Earth. Until 1.14, `lat` and `lon` were in 1e-7 degrees, and `alt` in mm. */
function positionIn(bytes: Buffer, { fields }: Layout): Position | undefined {
  const degrees = (name: string, old: string) =>
    numberIn(bytes, fields.get(name)) ?? scaled(numberIn(bytes, fields.get(old)), 1e-7);
  const latitude = degrees('latitude_deg', 'lat') ?? NaN;
  const longitude = degrees('longitude_deg', 'lon') ?? NaN;
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return undefined;
  const altitude =
    numberIn(bytes, fields.get('altitude_msl_m')) ?? scaled(numberIn(bytes, fields.get('alt')), 1e-3);
  return { latitude, longitude, ...(altitude !== undefined && { altitude }) };
}

const scaled = (value: number | undefined, unit: number) => (value === undefined ? undefined : value * unit);

function numberIn(bytes: Buffer, field: FieldPlace | undefined): number | undefined {
  if (field?.type === 'double' && field.offset + 8 <= bytes.length) return bytes.readDoubleLE(field.offset);
  if (field?.type === 'int32_t' && field.offset + 4 <= bytes.length) return bytes.readInt32LE(field.offset);
  return undefined;
}
