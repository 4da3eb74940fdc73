import { showAmount, showFiles } from '../../preview/notes.js';
import type { WantedFile } from '../../preview/preview.js';
import type { Amount, Destination, RulePreview } from '../../preview/rule-preview.js';
import { formatSize } from '../../system/size.js';
import { plain } from '../print.js';

/** Files that are printed one by one; `--json` has all of them. */
const MAX_FILES = 20;

/** What a rule would do, for people. */
export function ruleLines(outlook: RulePreview): string[] {
  const { rule, from, to, destinations, notes } = outlook;
  return [
    `rule ${rule}: ${from} -> ${to.join(', ')}`,
    `  ${seenIn(outlook)}`,
    ...destinations.filter(({ files }) => files > 0).map(each => `  -> ${destinationLine(each)}`),
    ...notes.map(note => `  note: ${plain(note)}`),
  ];
}

function destinationLine({ device, example = '', ...amount }: Destination): string {
  return `${device}: ${showAmount(amount)}, ${amount.files > 1 ? 'such as' : 'as'} ${plain(example)}`;
}

function seenIn({ listed, incomplete, seen, matching, ...outlook }: RulePreview): string {
  const where =
    listed === 'records'
      ? `${showFiles(seen.files)} in the records of the running daemon`
      : `${showFiles(seen.files)} seen`;
  const some = incomplete === undefined ? where : `not all listed (${plain(incomplete)}); ${where}`;
  return [some, `${matching.files} match`, `${wanted(outlook.wanted)}${others(outlook)}`].join(', ');
}

const wanted = (amount: Amount): string =>
  amount.files === 0 ? 'none to send' : `${amount.files} to send (${formatSize(amount.bytes)})`;

function others({
  delivered,
  failed,
  skipped,
}: Pick<RulePreview, 'delivered' | 'failed' | 'skipped'>): string {
  const parts = [
    ...(delivered.files > 0 ? [`${delivered.files} delivered before`] : []),
    ...(failed.files > 0 ? [`${failed.files} FAILED (filesync retry)`] : []),
    ...Object.entries(skipped).map(([key, files]) => `${files} skipped by ${key}`),
  ];
  return parts.length > 0 ? `; ${parts.join(', ')}` : '';
}

/** The files that would be sent, the first of them. */
export function fileLines(files: readonly WantedFile[]): string[] {
  const lines = files.slice(0, MAX_FILES).map(({ device, path, size, to }) => {
    const places = to.map(place => `${place.device}:${plain(place.path)}`);
    return `${device}:${plain(path)} (${formatSize(size)}) -> ${places.join(', ')}`;
  });
  const left = files.length - lines.length;
  return left > 0 ? [...lines, `and ${showFiles(left)} more (--json lists all)`] : lines;
}
