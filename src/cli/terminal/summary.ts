import type { File } from '../../api/schema.js';
import type { Change } from '../../ports.js';
import type { Records } from '../../record/records.js';
import { formatSize } from '../../system/size.js';
import { plain } from '../print.js';

/** Names that are listed for one reason; of more, the number. */
const MAX_NAMES = 3;

/** What each target got since the counting began. */
export class DeliveryCounts {
  readonly #counts = new Map<string, { files: number; bytes: number }>();

  /** Counts until the records are closed. */
  constructor({ changes }: Pick<Records, 'changes'>) {
    changes.subscribe(change => this.#add(change));
  }

  of(target: string): { readonly files: number; readonly bytes: number } {
    return this.#counts.get(target) ?? { files: 0, bytes: 0 };
  }

  get targets(): string[] {
    return [...this.#counts.keys()];
  }

  #add({ record, previous }: Change): void {
    if (!record || !previous) return;
    for (const [name, { state }] of Object.entries(record.targets)) {
      if (state !== 'done' || previous.targets[name]?.state === 'done') continue;
      const { files, bytes } = this.of(name);
      this.#counts.set(name, { files: files + 1, bytes: bytes + record.size });
    }
  }
}

/** What one pass could and could not do. */
export interface PassSummary {
  readonly delivered: readonly object[];
  readonly unfinished: readonly File[];
  readonly growing: readonly { readonly device: string; readonly path: string }[];
  readonly unreachable: readonly { readonly device: string; readonly reason: string }[];
}

/** Lines for a person: what is left and why, then what each target got, then the commands that help. */
export function summaryLines(
  summary: PassSummary,
  counts: DeliveryCounts,
  config: string | undefined,
): string[] {
  const { delivered, unfinished } = summary;
  return [
    ...summary.unreachable.map(({ device, reason }) => `${device}: could not be listed: ${plain(reason)}`),
    ...grouped(summary.growing, () => 'may still be growing, left for the next pass'),
    ...grouped(unfinished, reasonOf),
    ...targetLines(unfinished, counts),
    `${delivered.length} delivered, ${unfinished.length} unfinished${inPart(unfinished)}`,
    ...helpLines(summary, config === undefined ? '' : ` -c ${config}`),
  ];
}

/** How many of them some targets have. */
function inPart(unfinished: readonly File[]): string {
  const partial = unfinished.filter(({ targets }) => targets.some(({ state }) => state === 'DONE'));
  return partial.length === 0 ? '' : `, ${partial.length} of them delivered in part`;
}

/** Lines for a person when the pass was stopped: what each target got, and how much waits. */
export function stoppedLines(unfinished: readonly File[], counts: DeliveryCounts): string[] {
  return [
    ...targetLines(unfinished, counts),
    `stopped: ${unfinished.length} unfinished, the next run goes on with them`,
  ];
}

/** The first of the things that a file waits for, where nothing has failed. */
const reasonOf = ({ state, reason, waiting }: File): string =>
  `${state}: ${plain(reason || (waiting[0]?.text ?? 'waits for the next pass'))}`;

/** One line for each reason: `inbox:a.ulg: REASON`, or `12 files: REASON: inbox:a.ulg, inbox:b.ulg … and 9 more`. */
function grouped<Named extends { readonly device: string; readonly path: string }>(
  files: readonly Named[],
  reason: (file: Named) => string,
): string[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const names = groups.get(reason(file)) ?? [];
    names.push(`${file.device}:${plain(file.path)}`);
    groups.set(reason(file), names);
  }
  return [...groups].flatMap(([text, names]) => {
    if (names.length === 1) return [`${names[0]}: ${text}`];
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
    return [`${names.length} files: ${text}`, `  ${names.slice(0, MAX_NAMES).join(', ')}${more}`];
  });
}

/** Such as `archive: 2 delivered (973.5 kB), 1 waiting, 1 failed`. */
function targetLines(unfinished: readonly File[], counts: DeliveryCounts): string[] {
  const named = unfinished.flatMap(file => file.targets.map(({ target }) => target));
  return [...new Set([...named, ...counts.targets])].map(target => {
    const { files, bytes } = counts.of(target);
    const left = unfinished.flatMap(file => {
      const delivery = file.targets.find(one => one.target === target && one.state !== 'DONE');
      return delivery ? [file.state === 'FAILED' || delivery.state === 'FAILED'] : [];
    });
    const failed = left.filter(isFailed => isFailed).length;
    const waiting = left.length - failed;
    return [
      `${target}: ${files} delivered${files > 0 ? ` (${formatSize(bytes)})` : ''}`,
      ...(waiting > 0 ? [`${waiting} waiting`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
    ].join(', ');
  });
}

function helpLines({ unfinished, growing, unreachable }: PassSummary, option: string): string[] {
  const failed = unfinished.filter(({ state }) => state === 'FAILED');
  const isWaiting = growing.length > 0 || unfinished.length > failed.length;
  const lines: [isUseful: boolean, purpose: string, command: string][] = [
    [failed.length > 0, 'Why the first of them failed', `show ${failed[0]?.id}`],
    [failed.length > 0, 'To attempt what failed again', 'retry --failed'],
    [unreachable.length > 0 || isWaiting, 'To probe the devices', 'check'],
    [isWaiting, 'To go on with what waits', 'sync'],
  ];
  return lines.flatMap(([isUseful, purpose, command]) =>
    isUseful ? [`${purpose}: filesync ${command}${option}`] : [],
  );
}
