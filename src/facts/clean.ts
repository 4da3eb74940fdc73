import { MAX_FACTS_BYTES, type FileFacts, type Position } from '../file-facts.js';

/** Bytes of a text, as UTF-8 in JSON. */
const MAX_TEXT_BYTES = 160;
const MAX_NOTE_BYTES = 400;
/** ms since the Unix epoch: what is outside of 1980 to 2100 is no date of a flight. */
const MIN_DATE = Date.UTC(1980, 0, 1);
const MAX_DATE = Date.UTC(2100, 0, 1);
/** ms: ten years. */
const MAX_DURATION = 10 * 366 * 86_400_000;
const MAX_ALTITUDE = 1e6;

/** Facts as they may be stored and shown: texts without control characters, numbers in their range, at most MAX_FACTS_BYTES as JSON. */
export function cleanFacts(facts: FileFacts): FileFacts {
  const { format, position, truncated, appended, radiometric, note } = facts;
  const place = position && cleanPosition(position);
  const cleaned: FileFacts = {
    format,
    ...inRange('start', facts.start, MIN_DATE, MAX_DATE),
    ...inRange('duration', facts.duration, 0, MAX_DURATION),
    ...text('vehicle', facts.vehicle),
    ...text('firmware', facts.firmware),
    ...text('hardware', facts.hardware),
    ...text('airframe', facts.airframe),
    ...count('errors', facts.errors),
    ...count('warnings', facts.warnings),
    ...count('dropouts', facts.dropouts),
    ...count('dropoutMs', facts.dropoutMs),
    ...(truncated === true && { truncated }),
    ...(appended === true && { appended }),
    ...text('profile', facts.profile),
    ...count('topics', facts.topics),
    ...count('messages', facts.messages),
    ...text('camera', facts.camera),
    ...(radiometric !== undefined && { radiometric }),
    ...(place && { position: place }),
    ...(facts.endsOnly === true && { endsOnly: true }),
    ...text('note', note, MAX_NOTE_BYTES),
  };
  return fits(cleaned) ? cleaned : { format, note: 'it says too much about itself' };
}

const fits = (facts: FileFacts): boolean => Buffer.byteLength(JSON.stringify(facts)) <= MAX_FACTS_BYTES;

type Named<Name extends string, Value> = Readonly<Partial<Record<Name, Value>>>;

const named = <Name extends string, Value>(name: Name, value: Value | undefined) =>
  (value === undefined ? {} : { [name]: value }) as Named<Name, Value>;

function inRange<Name extends string>(name: Name, value: number | undefined, min: number, max: number) {
  const rounded = Math.round(value ?? NaN);
  return named(name, rounded >= min && rounded <= max ? rounded : undefined);
}

const count = <Name extends string>(name: Name, value: number | undefined) =>
  inRange(name, value, 0, Number.MAX_SAFE_INTEGER);

function text<Name extends string>(name: Name, value: string | undefined, maxBytes = MAX_TEXT_BYTES) {
  return named(name, value === undefined ? undefined : cleanText(value, maxBytes) || undefined);
}

/** Control characters, those that change the direction of text and halves of pairs become spaces, which do not pile up. */
function cleanText(value: string, maxBytes: number): string {
  // No more characters than bytes can stay: the rest of a long text is not worth a look.
  const start = value.slice(0, 4 * maxBytes);
  const plain = start.replace(/[\p{C}\p{Z}\ufffd]+/gu, ' ').trim();
  let bytes = 0;
  let end = 0;
  for (const character of plain) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2;
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return plain.slice(0, end).trimEnd();
}

/** 1e-7 degrees is a centimetre. Receivers without a fix report 0, 0. */
function cleanPosition({ latitude, longitude, altitude }: Position): Position | undefined {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) || (latitude === 0 && longitude === 0))
    return undefined;
  return {
    latitude: rounded(latitude, 1e7),
    longitude: rounded(longitude, 1e7),
    ...(altitude !== undefined && Math.abs(altitude) <= MAX_ALTITUDE && { altitude: rounded(altitude, 100) }),
  };
}

/** Without a negative zero, which JSON does not know. */
const rounded = (value: number, unit: number): number => Math.round(value * unit) / unit + 0;
