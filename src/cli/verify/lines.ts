import { plain } from '../print.js';
import type { Comparison, Finding, ComparedPlace } from './comparison.js';

/** Faults and files without a record that are printed one by one; `--json` has more. */
const MAX_LINES = 100;

/** What was compared and what is wrong, for people. */
export function comparisonLines({ places, findings, unknown, unknownTotal }: Comparison): string[] {
  return [
    ...places.map(placeLine),
    ...some(findings.map(findingLine), findings.length),
    ...some(
      unknown.map(({ device, path }) => `no record: ${device === '' ? 'local' : device}:${plain(path)}`),
      unknownTotal,
    ),
    ...(unknownTotal > 0 ? [`${showFiles(unknownTotal)} without a record: nothing is done with them`] : []),
    ...(places.length === 0 ? ['there is nothing to compare'] : []),
  ];
}

function placeLine({ device, role, counts, problem }: ComparedPlace): string {
  const { hash, size, uncompared, missing, corrupt, unknown } = counts;
  const parts = [
    [hash, 'whole'],
    [size, 'of the right size'],
    [uncompared, 'not compared: it cannot be asked'],
    [missing, 'missing'],
    [corrupt, 'corrupt'],
    [unknown, 'not compared'],
  ] as const;
  const total = parts.reduce((sum, [count]) => sum + count, 0);
  const found = parts.flatMap(([count, words]) => (count > 0 ? [`${count} ${words}`] : []));
  const what = role === 'target' ? showFiles(total) : `${total} local ${total === 1 ? 'copy' : 'copies'}`;
  return `${device}: ${what}: ${found.join(', ')}${remedyOf(counts, role, problem)}`;
}

function remedyOf(
  { missing, corrupt }: ComparedPlace['counts'],
  role: ComparedPlace['role'],
  problem: string,
): string {
  if (problem !== '') return ` (${plain(problem)})`;
  if (missing + corrupt === 0) return '';
  return `; \`filesync verify --repair\` ${role === 'target' ? 'sends' : 'fetches'} what it can again`;
}

function findingLine({ record, target, message }: Finding): string {
  const file = `${record.id} ${record.device}:${plain(record.path)}`;
  if (target === '') return `${file}: its local copy ${plain(record.local)} ${plain(message)}`;
  return `${file}: ${target}:${plain(record.targets[target]?.path ?? '')} ${plain(message)}`;
}

function some(lines: readonly string[], total: number): string[] {
  const left = total - Math.min(lines.length, MAX_LINES);
  return [...lines.slice(0, MAX_LINES), ...(left > 0 ? [`and ${left} more (--json lists them)`] : [])];
}

const showFiles = (count: number): string => `${count} ${count === 1 ? 'file' : 'files'}`;
