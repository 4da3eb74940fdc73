import { moment } from './format.js';
import { TEXT } from './strings.js';
import type { File } from './types.js';

/** Why a file is not delivered yet, in a line; empty if there is nothing to say. */
export function waitLine({ state, reason, waiting }: File): string {
  if (state === 'UPLOADED' || state === 'REMOVED') return '';
  const [first] = waiting;
  if (state === 'FAILED' || !first) return reason;
  const where = first.target === '' || first.text.includes(first.target) ? '' : `${first.target}: `;
  const when = first.until === null ? '' : ` (${TEXT.now.next(moment(first.until))})`;
  return `${where}${first.text}${when}`;
}
