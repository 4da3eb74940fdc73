import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { on } from './events.js';
import { ask } from './net.js';
import { report } from './store.js';
import type { FlightPage, FlightView } from './types.js';

const PAGE = 50;
/** Events are collected for so long before the flights are asked for again. */
const RELOAD_MS = 2000;

export const flights = signal<readonly FlightView[] | undefined>(undefined);
export const cursor = signal<string | null>(null);

/** As many as are shown already, or the next page. */
export async function loadFlights(more: boolean): Promise<void> {
  const limit = more ? PAGE : Math.max(PAGE, flights.value?.length ?? 0);
  const query = new URLSearchParams({ limit: String(Math.min(1000, limit)) });
  if (more && cursor.value !== null) query.set('cursor', cursor.value);
  try {
    const page = await ask<FlightPage>('GET', `/flights?${query}`);
    flights.value = more ? [...(flights.value ?? []), ...page.flights] : page.flights;
    cursor.value = page.cursor;
  } catch (error) {
    report(error);
  }
}

/** Has the flights loaded, and loaded again when files change, while a screen that shows them is there. */
export function useFlights(): void {
  useEffect(() => {
    void loadFlights(false);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () =>
      (timer ??= setTimeout(() => ((timer = undefined), void loadFlights(false)), RELOAD_MS));
    const ends = [on('file', later), on('forgotten', later), on('reset', () => void loadFlights(false))];
    return () => {
      clearTimeout(timer);
      for (const end of ends) end();
    };
  }, []);
}
