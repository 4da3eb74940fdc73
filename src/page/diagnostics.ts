import { contact, status } from './store.js';
import type { LogEntry } from './types.js';

/** What a person who helps wants to know. The server masks secrets; user parts of addresses are left out once more here. */
export function diagnostics(entries: readonly LogEntry[]): string {
  const known = status.value;
  const state = known && { ...known, transfers: known.transfers.length };
  const lines = entries.map(({ at, level, text }) => `${at} ${level} ${text}`);
  const parts = [
    `FileSync ${known?.version ?? ''}, ${new Date().toISOString()}, contact: ${contact.value.state}`,
    navigator.userAgent,
    JSON.stringify(state, undefined, 1),
    ...lines,
  ];
  return parts.join('\n').replace(/(\w+:\/\/)[^\s/@"']+@/g, '$1***@');
}
