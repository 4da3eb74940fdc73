import { batch, signal } from '@preact/signals';
import { on } from './events.js';
import { ask } from './net.js';
import { report } from './store.js';
import type { File, FilePage } from './types.js';

const PAGE = 500;
/** Events are collected for so long: a thousand changes are one change of the list. */
const COLLECT_MS = 200;

const GROUPS: Readonly<Record<string, readonly File['state'][]>> = {
  open: ['FOUND', 'DOWNLOADED', 'PARTIAL', 'DOWNLOADING', 'UPLOADING'],
  failed: ['FAILED'],
  done: ['UPLOADED', 'REMOVED'],
  listed: ['SKIPPED', 'VANISHED'],
};

export interface Filter {
  /** A key of GROUPS, or empty. */
  readonly group: string;
  readonly device: string;
  readonly text: string;
}

const matches = (file: File, { group, device, text }: Filter): boolean =>
  (GROUPS[group]?.includes(file.state) ?? true) &&
  (device === '' || file.device === device) &&
  file.path.toLowerCase().includes(text.toLowerCase());

// The list of files, the newest first, with the part that has been loaded: it stays when another screen is shown.

export const items = signal<readonly File[]>([]);
/** Matching files in all; undefined until the first page is there. */
export const total = signal<number | undefined>(undefined);
/** Files that were found after the list was loaded. */
export const newer = signal(0);
export const selected = signal<ReadonlySet<string>>(new Set());

let filter: Filter | undefined;
let cursor: string | null = null;
let running: Promise<void> | undefined;
/** Counts the lists, so that the page of an earlier one is dropped. */
let generation = 0;

/** Shows the files that match; does nothing if they are shown already. */
export function show(next: Filter): void {
  if (JSON.stringify(next) !== JSON.stringify(filter)) {
    filter = next;
    total.value = undefined;
    reload();
  }
}

export function reload(): void {
  if (!filter) return;
  generation += 1;
  running = undefined;
  void loadPage(true);
}

/** Loads pages until the file of that index is there. */
export async function loadTo(index: number): Promise<void> {
  while (index >= items.value.length && cursor !== null) await loadPage(false);
}

function loadPage(isFirst: boolean): Promise<void> {
  running ??= load(isFirst).finally(() => (running = undefined));
  return running;
}

async function load(isFirst: boolean): Promise<void> {
  if (!filter) return;
  const mine = generation;
  try {
    const page = await ask<FilePage>('GET', pathOf(filter, isFirst ? null : cursor));
    if (mine === generation) take(page, isFirst);
  } catch (error) {
    if (mine === generation) cursor = null;
    report(error);
  }
}

function take(page: FilePage, isFirst: boolean): void {
  batch(() => {
    cursor = page.cursor;
    total.value = page.total;
    if (isFirst) {
      newer.value = 0;
      selected.value = new Set();
    }
    items.value = isFirst ? page.files : [...items.value, ...page.files];
  });
}

function pathOf({ group, device, text }: Filter, from: string | null): string {
  const query = new URLSearchParams({ sort: '-found_at', limit: String(PAGE) });
  const states = GROUPS[group];
  if (states) query.set('state', states.join(','));
  if (device !== '') query.set('device', device);
  if (text !== '') query.set('text', text);
  if (from !== null) query.set('cursor', from);
  return `/files?${query}`;
}

const changed = new Map<string, File | undefined>();
let collecting: ReturnType<typeof setTimeout> | undefined;

function collect(id: string, file: File | undefined): void {
  changed.set(id, file);
  collecting ??= setTimeout(apply, COLLECT_MS);
}

function apply(): void {
  collecting = undefined;
  const known = new Set(items.value.map(({ id }) => id));
  const fresh = [...changed.values()].filter(file => isNew(file, known));
  const next = items.value.flatMap(file => {
    if (!changed.has(file.id)) return [file];
    return changed.get(file.id) ?? [];
  });
  batch(() => {
    if (total.value !== undefined) total.value -= items.value.length - next.length;
    items.value = next;
    newer.value += fresh.length;
  });
  changed.clear();
  if (fresh.length > 0 && window.scrollY < window.innerHeight / 2 && selected.value.size === 0) reload();
}

/** Whether it would be above the first of the list. */
function isNew(file: File | undefined, known: ReadonlySet<string>): boolean {
  if (!file || !filter || known.has(file.id) || !matches(file, filter)) return false;
  const [first] = items.value;
  return !first || file.found_at > first.found_at;
}

on('file', ({ file }) => collect(file.id, file));
on('forgotten', ({ id }) => collect(id, undefined));
on('reset', reload);
