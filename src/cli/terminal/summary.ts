import type { ListedFile } from '../../api/admin.js';
import { FileState, type Change } from '../../ports.js';
import type { Records } from '../../record/records.js';
import { isOpen, isUnfinished, stateName, viewOf, type FileView } from '../../record/state.js';
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
  readonly unfinished: readonly ListedFile[];
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
    `${delivered.length} delivered, ${unfinished.length} unfinished`,
    ...helpLines(summary, config === undefined ? '' : ` -c ${config}`),
  ];
}

/** Lines for a person when the pass was stopped: what each target got, and how much waits. */
export function stoppedLines(records: Pick<Records, 'all'>, counts: DeliveryCounts): string[] {
  const unfinished = [...records.all()].filter(isUnfinished).map(viewOf);
  return [
    ...targetLines(unfinished, counts),
    `stopped: ${unfinished.length} unfinished, the next run goes on with them`,
  ];
}

const reasonOf = ({ state, waits = 'waits for the next pass', reason = waits }: ListedFile): string =>
  `${stateName(state)}: ${plain(reason)}`;

/** One line for each reason: `inbox:a.ulg: REASON`, or `12 files: REASON: inbox:a.ulg, inbox:b.ulg … and 9 more`. */
function grouped<File extends { readonly device: string; readonly path: string }>(
  files: readonly File[],
  reason: (file: File) => string,
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
function targetLines(unfinished: readonly FileView[], counts: DeliveryCounts): string[] {
  const targets = new Set([...unfinished.flatMap(file => Object.keys(file.targets)), ...counts.targets]);
  return [...targets].map(target => {
    const { files, bytes } = counts.of(target);
    const left = unfinished.flatMap(file => {
      const delivery = file.targets[target];
      return delivery && delivery.state !== 'done'
        ? [file.state === FileState.FAILED || !isOpen(delivery)]
        : [];
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
  const failed = unfinished.filter(({ state }) => state === FileState.FAILED);
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
