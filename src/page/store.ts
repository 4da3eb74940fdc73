import { computed, signal } from '@preact/signals';
import { Problem } from './net.js';
import { TEXT } from './strings.js';
import type { Session, Status, Verdict } from './types.js';

// What every screen needs; each screen keeps the rest for itself.

/** Undefined until the server has answered. */
export const session = signal<Session | undefined>(undefined);
export const needsLogin = signal(false);
export const mayOperate = computed(() => session.value?.scopes.includes('operate') ?? false);

/** The configuration has a fleet: the page has a screen for it. */
export const hasFleet = signal(false);

export const status = signal<Status | undefined>(undefined);
/** Why the status could not be loaded; empty if it was. */
export const loadError = signal('');

/** The verdict with the browser's time at which it came. */
export interface KnownVerdict extends Verdict {
  readonly received: number;
}
export const verdict = signal<KnownVerdict | undefined>(undefined);

export type Contact =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `since`: when the last byte came, ms since the Unix epoch; undefined if none ever came. `reason`: what the server answered instead. */
  | { readonly state: 'lost'; readonly since: number | undefined; readonly reason: string };
export const contact = signal<Contact>({ state: 'connecting' });
export const isLost = computed(() => contact.value.state === 'lost');

/** Seconds of the browser's clock, for what counts down or up. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/** A short message at the edge of the screen. */
export const toast = signal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);
let toastTimer: ReturnType<typeof setTimeout> | undefined;
const TOAST_MS = 6000;

export function say(text: string, bad = false): void {
  clearTimeout(toastTimer);
  toast.value = { text, bad };
  toastTimer = setTimeout(() => (toast.value = undefined), TOAST_MS);
}

/** Shows why something did not work; asks for the password where that is the reason. */
export function report(error: unknown): void {
  if (error instanceof Problem && error.status === 401) needsLogin.value = true;
  else say(error instanceof Error ? error.message : TEXT.error.title, true);
}

export function takeStatus(next: Status): void {
  status.value = next;
  loadError.value = '';
  takeVerdict(next.verdict);
}

export function takeVerdict(next: Verdict): void {
  verdict.value = { ...next, received: Date.now() };
}
