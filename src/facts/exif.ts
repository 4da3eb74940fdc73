import type { FileFacts, Position } from '../file-facts.js';
import { Tiff, type Directory, type ReadPart } from './tiff-directory.js';

/** Tags of the first directory, of the EXIF and of the GPS directory (EXIF 2.32, CIPA DC-008). */
const MAKE = 0x010f;
const MODEL = 0x0110;
const EXIF = 0x8769;
const GPS = 0x8825;
const SUBSECONDS = 0x9291;
const LATITUDE = 2;
const LONGITUDE = 4;
const ALTITUDE = 6;
const ALTITUDE_REF = 5;
const GPS_TIME = 7;
const GPS_DATE = 0x1d;

/** A date, and where the zone of the camera's clock is, since EXIF 2.31. */
const ORIGINAL = { date: 0x9003, zone: 0x9011 };
const DIGITIZED = { date: 0x9004, zone: 0x9012 };
const CHANGED = { date: 0x0132, zone: 0x9010 };

const NO_ZONE = 'the time zone of its camera is not known';

/** What the EXIF data of a picture say. */
export async function readExif(read: ReadPart, wantsPosition: boolean): Promise<Partial<FileFacts>> {
  const opened = await Tiff.open(read);
  if (!opened) return {};
  const { tiff, first } = opened;
  const main = await tiff.directory(first);
  const exif = await below(tiff, main, EXIF);
  const gps = await below(tiff, main, GPS);
  const camera = await cameraIn(main);
  const position = wantsPosition && gps ? await positionIn(gps) : undefined;
  return {
    ...(await startIn(main, exif, gps)),
    ...(camera !== undefined && { camera }),
    ...(position && { position }),
  };
}

async function below(tiff: Tiff, main: Directory, tag: number): Promise<Directory | undefined> {
  const [offset] = await main.numbers(tag);
  return offset === undefined ? undefined : tiff.directory(offset);
}

/** Makers repeat their name in the model's. */
async function cameraIn(main: Directory): Promise<string | undefined> {
  const [make = '', model = ''] = [await main.text(MAKE), await main.text(MODEL)];
  return (
    (model.toLowerCase().startsWith(make.toLowerCase()) ? model : `${make} ${model}`).trim() || undefined
  );
}

/** The moment of the picture by the camera's clock, if its zone is known, else by GPS. */
async function startIn(
  main: Directory,
  exif: Directory | undefined,
  gps: Directory | undefined,
): Promise<Pick<FileFacts, 'start' | 'note'>> {
  const date = (tags: typeof ORIGINAL, from = exif) => dateIn(from, exif, tags);
  const original = await date(ORIGINAL);
  const fraction = Number(`0.${(await exif?.text(SUBSECONDS)) ?? ''}`) || 0;
  if (original.ms !== undefined) return { start: original.ms + fraction * 1000 };
  const others = [await gpsDate(gps), (await date(DIGITIZED)).ms, (await date(CHANGED, main)).ms];
  const start = others.find(ms => ms !== undefined);
  if (start !== undefined) return { start };
  return original.isThere ? { note: NO_ZONE } : {};
}

async function dateIn(
  from: Directory | undefined,
  exif: Directory | undefined,
  { date, zone }: typeof ORIGINAL,
): Promise<{ readonly ms?: number; readonly isThere: boolean }> {
  const text = (await from?.text(date)) ?? '';
  const [, year, month, day, time] = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(text) ?? [];
  if (year === undefined) return { isThere: false };
  const offset = (await exif?.text(zone)) ?? '';
  const ms = /^(?:Z|[+-]\d\d:\d\d)$/.test(offset)
    ? Date.parse(`${year}-${month}-${day}T${time}${offset}`)
    : NaN;
  return Number.isNaN(ms) ? { isThere: true } : { ms, isThere: true };
}

/** UTC: GPSDateStamp and GPSTimeStamp. */
async function gpsDate(gps: Directory | undefined): Promise<number | undefined> {
  const date = /^\d{4}:\d\d:\d\d$/.exec((await gps?.text(GPS_DATE)) ?? '')?.[0].replaceAll(':', '-');
  const [hours = NaN, minutes = NaN, seconds = NaN] = (await gps?.numbers(GPS_TIME)) ?? [];
  const ms = Date.parse(`${date}T00:00:00Z`) + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return Number.isFinite(ms) ? ms : undefined;
}

async function positionIn(gps: Directory): Promise<Position | undefined> {
  const latitude = await degrees(gps, LATITUDE, 'S');
  const longitude = await degrees(gps, LONGITUDE, 'W');
  if (latitude === undefined || longitude === undefined) return undefined;
  const [height = NaN] = await gps.numbers(ALTITUDE);
  const [isBelow] = await gps.numbers(ALTITUDE_REF);
  const altitude = isBelow === 1 ? -height : height;
  return { latitude, longitude, ...(Number.isFinite(altitude) && { altitude }) };
}

/** Degrees, minutes and seconds; the tag before has the hemisphere. */
async function degrees(gps: Directory, tag: number, negative: string): Promise<number | undefined> {
  const [whole = NaN, minutes = 0, seconds = 0] = await gps.numbers(tag);
  const value = whole + minutes / 60 + seconds / 3600;
  if (!Number.isFinite(value)) return undefined;
  return (await gps.text(tag - 1)) === negative ? -value : value;
}
