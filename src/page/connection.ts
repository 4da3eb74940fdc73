import { batch } from '@preact/signals';
import { emit, on } from './events.js';
import { ask, Problem, send } from './net.js';
import { contact, loadError, needsLogin, session, status, takeStatus, takeVerdict } from './store.js';
import { readEvents } from './stream.js';
import type { Session, Status } from './types.js';

/** The server sends something every 15 s: after more than two such spans without a byte the connection is dead. */
const SILENCE_MS = 35_000;
/** More than one such span: a phone that was asleep has missed something, and its timers have rested as well. */
const ASLEEP_MS = 20_000;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

let lastEventId = '';
/** When the last byte came. */
let heard: number | undefined;
let wake: () => void = () => undefined;

/** Ends the connection that is open. */
let drop: () => void = () => undefined;

/** Tries again at once. */
export const reconnect = (): void => wake();

/** Keeps the stream of events open for as long as the page is there. */
export async function follow(): Promise<never> {
  listen();
  for (let attempt = 0; ; attempt += 1) {
    const began = heard;
    const failure = await oneConnection();
    if (heard !== began) attempt = 0;
    if (failure?.status === 401) needsLogin.value = true;
    const reason = failure && failure.status > 0 ? failure.message : '';
    contact.value = { state: 'lost', since: heard, reason };
    await pause(Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** attempt) * (0.75 + Math.random() / 2));
  }
}

/** Resolves when the connection has ended, with the reason where the server gave one. */
async function oneConnection(): Promise<Problem | undefined> {
  const control = new AbortController();
  drop = () => control.abort();
  let timer = setTimeout(drop, SILENCE_MS);
  const alive = () => {
    heard = Date.now();
    clearTimeout(timer);
    timer = setTimeout(() => control.abort(), SILENCE_MS);
  };
  try {
    const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) };
    await login();
    const { body } = await send('/events', { headers, signal: control.signal });
    alive();
    const resumed = lastEventId !== '';
    await load();
    if (!resumed) emit('reset', {});
    for await (const event of body ? readEvents(body) : []) {
      alive();
      if (event) take(event.id, event.type, event.data);
    }
  } catch (error) {
    if (error instanceof Problem) return error;
  } finally {
    clearTimeout(timer);
    control.abort();
  }
  return undefined;
}

async function login(): Promise<void> {
  session.value = await ask<Session>('GET', '/session');
  needsLogin.value = session.value.login && session.value.scopes.length === 0;
  if (needsLogin.value) throw new Problem(401, '');
}

async function load(): Promise<void> {
  try {
    const next = await ask<Status>('GET', '/status');
    batch(() => {
      takeStatus(next);
      contact.value = { state: 'live' };
    });
  } catch (error) {
    loadError.value = error instanceof Error ? error.message : '';
    throw error;
  }
}

function take(id: string, type: string, data: string): void {
  if (id !== '') lastEventId = id;
  if (data === '') return;
  if (type === 'reset') void load().catch(() => undefined);
  batch(() => emit(type, JSON.parse(data)));
}

/** What was right before a phone fell asleep must not pass for what is right now. */
function dropAfterSleep(): void {
  const isOld = contact.value.state === 'live' && heard !== undefined && Date.now() - heard > ASLEEP_MS;
  if (document.visibilityState !== 'visible' || !isOld) return;
  contact.value = { state: 'lost', since: heard, reason: '' };
  drop();
}

/** What every screen needs of the events. */
function listen(): void {
  document.addEventListener('visibilitychange', dropAfterSleep);
  setInterval(dropAfterSleep, 1000);
  const change = (part: Partial<Status>) => {
    if (status.value) status.value = { ...status.value, ...part };
  };
  on(
    'counts',
    ({ counts, verdict, waiting, units, paused, disk, database, configuration, notifications }) => {
      change({ counts, verdict, waiting, units, paused, disk, database, configuration, notifications });
      takeVerdict(verdict);
    },
  );
  on('devices', ({ devices }) => change({ devices }));
  on('link', ({ device, sample: { bytes_per_second, loss, rtt_ms } }) => {
    const link = { bytes_per_second, loss, rtt_ms };
    const devices = status.value?.devices.map(one => (one.name === device ? { ...one, link } : one));
    if (devices) change({ devices });
  });
  on('progress', ({ transfers }) => change({ transfers }));
}

/** Ends early when the browser is online again, the page is seen again, or a person asks for it. */
function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    const seen = () => {
      if (document.visibilityState === 'visible') end();
    };
    const timer = setTimeout(() => end(), ms);
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener('online', end);
      document.removeEventListener('visibilitychange', seen);
      resolve();
    };
    wake = end;
    window.addEventListener('online', end);
    document.addEventListener('visibilitychange', seen);
  });
}
