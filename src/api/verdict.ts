import type { SourceNow } from '../links/source-watch.js';
import { UNKNOWN } from '../system/availability.js';
import { oneLine } from '../system/logger.js';
import { timeInText } from '../system/short-time.js';
import { formatRate, formatSize } from '../system/size.js';
import type { Status, TransferView, Verdict, WaitingGroup } from './schema.js';

/** Unfinished files of one device of which there is no copy beside that on the device. */
export interface Exposed {
  readonly files: number;
  /** Bytes of those that are not being transferred. */
  readonly bytes: number;
  /** One of them waits for something else than its turn. */
  readonly blocked: boolean;
}

/** The files, as far as the verdict depends on them. */
export interface Tally {
  /** Every target has them. */
  readonly delivered: number;
  /** Unfinished files whose only copy is on their source, by source. */
  readonly exposed: ReadonlyMap<string, Exposed>;
  /** The ids of these. */
  readonly exposedIds: ReadonlySet<string>;
  /** Unfinished files whose local copy is whole. */
  readonly safe: number;
  /** Targets that these wait for. */
  readonly targets: readonly string[];
  readonly failed: number;
  /** Files whose delivery to a target has failed while another target waits for them, by target. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Sources with the only copy of a FAILED file. */
  readonly failedOn: ReadonlySet<string>;
  /** Files that stay on their source until a person asks for them. */
  readonly asked: number;
  /** Files that were gone from their source before they were fetched. */
  readonly vanished: number;
}

export interface Judged extends Pick<
  Status,
  'waiting' | 'transfers' | 'devices' | 'paused' | 'database' | 'configuration' | 'units'
> {
  readonly tally: Tally;
  readonly sources: readonly SourceNow[];
  /** Without a daemon nothing is delivered, and only the database is known. */
  readonly running: boolean;
  /** Local copies are lost without power. */
  readonly inMemory: boolean;
  /** Devices whose configuration cannot work. */
  readonly misconfigured: readonly string[];
  /** Bytes a second that were last measured from a device; undefined where that is not known. */
  rate(device: string): number | undefined;
}

/**
 * The answer to "may I switch it off?".
 * - SAFE: every wanted file of every source that was seen is on all its targets, or whole in local storage, and the last listing
 *   of each source is newer than its last flight.
 * - WAIT: the only copy of a file is on its source, or it is not known yet what a source holds.
 * - ATTENTION: nothing gets better until a person acts.
 */
export function verdictOf(judged: Judged): Verdict {
  const { text, ...verdict } = judge(judged);
  return { ...verdict, text: oneLine(text) };
}

function judge(judged: Judged): Verdict {
  const { database, configuration } = judged;
  if (database !== '') return { code: 'ATTENTION', text: `the database: ${database}`, seconds_left: null };
  if (configuration !== '') return notReloaded(judged);
  const problem = problemOf(judged);
  const open = [...sourceTexts(judged), ...openTexts(judged)];
  const reasons = judged.paused && open.length > 0 ? [PAUSED, ...open] : open;
  if (reasons.length === 0) {
    const text = joined([problem, safeText(judged), stayingText(judged)]);
    return { code: problem === undefined ? 'SAFE' : 'ATTENTION', text, seconds_left: null };
  }
  const text = joined([problem, ...reasons, stayingText(judged)]);
  return { code: problem === undefined ? 'WAIT' : 'ATTENTION', text, seconds_left: secondsLeft(judged) };
}

/** What was changed in the configuration is not done, whatever has arrived. */
function notReloaded(judged: Judged): Verdict {
  const { text, seconds_left } = judge({ ...judged, configuration: '' });
  const problem = `the configuration was not reloaded: ${judged.configuration}`;
  return { code: 'ATTENTION', text: `${problem}; with the earlier one: ${text}`, seconds_left };
}

const joined = (texts: readonly (string | undefined)[]): string => texts.filter(Boolean).join('; ');
const files = (number: number): string => (number === 1 ? '1 file' : `${number} files`);
const are = (number: number): string => (number === 1 ? 'is' : 'are');

// ---- what a person has to do ----------------------------------------------------------------------------

function problemOf(judged: Judged): string | undefined {
  const { sources, devices, misconfigured, tally, waiting } = judged;
  const full = waiting.find(({ code }) => code === 'disk_full');
  const unlisted = sources.filter(one => one.problem !== '' && !one.passes && (one.available || one.seen));
  const wrong = devices.filter(({ name }) => misconfigured.includes(name));
  const problems = [
    ...(full ? [`no space for ${files(full.files)}: ${full.text}`] : []),
    ...(tally.failed > 0 ? [failedText(tally)] : []),
    ...[...tally.refusals].map(([target, number]) => refusedText(target, number)),
    ...wrong.map(({ name, reason }) => `${name}: ${reason}`),
    ...unlisted.map(({ name, problem }) => `${name} cannot be listed completely: ${problem}`),
  ];
  return problems.length > 0 ? joined(problems) : undefined;
}

const failedText = ({ failed }: Tally): string =>
  `${files(failed)} FAILED (\`filesync files --state FAILED\` says why, \`filesync retry --failed\` tries again)`;

const refusedText = (target: string, number: number): string =>
  `${files(number)} FAILED on ${target} alone (\`filesync show ID\` says why, \`filesync retry ID\` tries again)`;

// ---- why it is not safe ---------------------------------------------------------------------------------

const PAUSED = 'all work is paused (Resume on the page, or the ROS service ~/pause, ends that)';

/** What is not known of the sources. */
function sourceTexts({ sources, paused }: Judged): string[] {
  const unwatched = paused
    ? sources.filter(({ available, armed, listed }) => available && !armed && listed)
    : [];
  const texts = sources.flatMap(source => sourceText(source, paused) ?? []);
  const unasked = sources.filter(({ seen, reason }) => !seen && reason === UNKNOWN.reason);
  const growing = sources.filter(source => source.growing > 0 && source.available && !source.armed);
  const isUnseen = sources.length > 0 && sources.every(({ seen }) => !seen);
  const unseen = sources.map(({ name, reason }) => `${name} (${reason})`).join(', ');
  return [
    ...(isUnseen
      ? [`no source has been reached yet: ${unseen}`]
      : unasked.map(({ name, reason }) => `${name} is ${reason}`)),
    ...texts,
    ...(unwatched.length > 0 ? [`new files on ${namesOf(unwatched)} are not looked for`] : []),
    ...growing.map(({ name, growing: number }) => `${files(number)} on ${name} may still be written`),
  ];
}

function sourceText(source: SourceNow, paused: boolean): string | undefined {
  const { name, available, armed, seen, listed, leftArmed, reason, problem, passes } = source;
  if (armed) return `${name} is armed`;
  if (listed || !seen) return undefined;
  if (available && paused) return `${name} is not completely listed yet (paused)`;
  if (available) return `${name} is not completely listed yet${passes ? `: ${problem}` : ''}`;
  if (leftArmed) return `${name} went offline while armed, and its flight is not listed yet (${reason})`;
  return `${name} went offline before all of it was listed (${reason})`;
}

/** Files that are nowhere but on their source, and what they wait for. Without a daemon all that is unfinished counts. */
function openTexts(judged: Judged): string[] {
  const { tally, running, inMemory } = judged;
  const isAll = !running || inMemory;
  const waits = exposedFiles(tally) + (isAll ? tally.safe : 0);
  if (waits === 0) return [];
  const isMeant = isAll ? () => true : ({ id }: TransferView) => tally.exposedIds.has(id);
  return [
    workText(judged, waits, isMeant, isAll ? undefined : 'fetch'),
    ...(isAll || tally.safe === 0 ? [] : [`${tally.safe} ${are(tally.safe)} safe on this computer`]),
    ...(inMemory && tally.safe > 0 ? ['local copies are in memory and are lost without power'] : []),
  ];
}

const exposedFiles = ({ exposed }: Tally): number =>
  [...exposed.values()].reduce((sum, one) => sum + one.files, 0);

/** Files are under way or wait: `number` of them in all. Of the reasons to wait, one of that stage comes first. */
function workText(
  { units, transfers, waiting, paused }: Judged,
  number: number,
  isMeant: (transfer: TransferView) => boolean,
  stage: string | undefined,
): string {
  const moving = transfers.filter(isMeant);
  const [running] = moving;
  const most = waiting.find(group => group.stage === stage) ?? waiting[0];
  const moved = running && `${moving.length} under way: ${transferText(running)}`;
  const reason = paused ? 'paused' : most && waitText(most);
  const waits = number - new Set(moving.map(({ id }) => id)).size;
  const rest = waits > 0 ? `${files(waits)} wait${waits === 1 ? 's' : ''}${reason ? `: ${reason}` : ''}` : '';
  return joined([unitsText(units), moved, rest]) || `${files(number)} unfinished`;
}

/** Such as `1 bag of 21 files unfinished`. */
function unitsText(units: Status['units']): string {
  const named = units.map(
    ({ kind, units: number, files: of }) => `${number} ${kind}${number === 1 ? '' : 's'} of ${files(of)}`,
  );
  return named.length === 0 ? '' : `${named.join(', ')} unfinished`;
}

function transferText(transfer: TransferView): string {
  const { percent, size, bytes_per_second: rate } = transfer;
  return `${wayOf(transfer)} ${Math.floor(percent)} % of ${formatSize(size)}, ${formatRate(rate)}`;
}

/** The file that is transferred: where it is fetched, or the target that it goes to. */
export const wayOf = ({ device, path, target }: TransferView): string =>
  target === '' ? `${device}:${path}` : `${path} to ${target}`;

/** Such as `archive offline since 2026-11-30T12:31Z (connection refused)`. */
export function waitText({ device, code, text, since, until }: WaitingGroup): string {
  const begun = since === null ? '' : ` since ${timeInText(since)}`;
  if (code === 'offline') return `${device} offline${begun} (${text})`;
  if (code === 'armed') return `${device}: ${text}${begun}`;
  return `${device}: ${text}${until === null ? '' : ` (next attempt ${timeInText(until)})`}`;
}

/** Sources that are on, and hold what is nowhere else or is not known yet. */
const stayingOf = ({ sources, tally }: Judged): SourceNow[] =>
  sources.filter(
    ({ name, available, listed, growing }) =>
      available && (!listed || growing > 0 || tally.exposed.has(name) || tally.failedOn.has(name)),
  );

function stayingText(judged: Judged): string | undefined {
  const staying = stayingOf(judged);
  return staying.length === 0 ? undefined : `leave ${namesOf(staying)} on`;
}

const namesOf = (named: readonly { readonly name: string }[]): string =>
  named.map(({ name }) => name).join(', ');

// ---- why it is safe -------------------------------------------------------------------------------------

function safeText(judged: Judged): string {
  const { tally, sources, running } = judged;
  const staying = new Set(stayingOf(judged));
  const free = sources.filter(source => source.available && !staying.has(source));
  const isLocal = tally.safe > 0;
  return joined([
    isLocal ? localText(judged) : deliveredText(tally),
    isLocal && free.length > 0 ? `${namesOf(free)} may be switched off` : undefined,
    tally.asked > 0 ? askedText(tally.asked) : undefined,
    tally.vanished > 0 ? vanishedText(tally.vanished) : undefined,
    isLocal ? undefined : offlineText(judged),
    running ? undefined : 'no daemon runs, and new files are not looked for',
  ]);
}

function deliveredText({ delivered, asked, vanished, failed }: Tally): string {
  if (delivered === 0 && failed > 0) return '';
  if (delivered === 0) return asked + vanished > 0 ? 'nothing to deliver' : 'no files yet';
  return delivered === 1 ? '1 file delivered' : `all ${delivered} files delivered`;
}

function localText(judged: Judged): string {
  const { safe, targets } = judged.tally;
  const where = `${files(safe)} ${are(safe)} safe on this computer, not yet on ${targets.join(', ')}`;
  const isMeant = ({ target }: TransferView) => target !== '';
  return `${where}: ${workText(judged, safe, isMeant, 'deliver')}`;
}

const askedText = (asked: number): string =>
  `${files(asked)} ${asked === 1 ? 'stays' : 'stay'} on the source until asked for (\`filesync fetch ID\`)`;

const vanishedText = (vanished: number): string =>
  `${files(vanished)} VANISHED before ${vanished === 1 ? 'it was' : 'they were'} fetched`;

function offlineText({ devices }: Judged): string | undefined {
  const offline = devices
    .filter(({ available }) => !available)
    .map(({ name, reason }) => `${name} (${reason})`);
  return offline.length > 0 ? `offline: ${offline.join(', ')}` : undefined;
}

// ---- how long it takes ----------------------------------------------------------------------------------

/** Until no source has the only copy of a file, at the measured rates; null if that is not known. */
function secondsLeft(judged: Judged): number | null {
  const { tally, sources, paused } = judged;
  const isUnknown = sourceTexts(judged).length > 0 || sources.some(({ problem }) => problem !== '');
  if (paused || isUnknown || tally.exposed.size === 0) return null;
  const all = [...tally.exposed].map(([device, one]) => secondsOf(device, one, judged));
  const known = all.filter(seconds => seconds !== undefined);
  return known.length < all.length ? null : Math.ceil(Math.max(...known));
}

function secondsOf(device: string, { bytes, blocked }: Exposed, judged: Judged): number | undefined {
  if (blocked) return undefined;
  const ids = judged.tally.exposedIds;
  const running = judged.transfers.filter(transfer => transfer.device === device && ids.has(transfer.id));
  const left = running.reduce((sum, { size, bytes: done }) => sum + Math.max(0, size - done), bytes);
  const now = running.reduce((sum, { bytes_per_second: rate }) => sum + rate, 0);
  const rate = running.length > 0 ? now : judged.rate(device);
  return rate !== undefined && rate > 0 ? left / rate : undefined;
}
