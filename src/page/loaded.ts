import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { on } from './events.js';
import { ask, Problem } from './net.js';
import { report } from './store.js';

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: Problem | undefined;
  readonly source: Signal<Value | undefined>;
}

/** What a path of the API answers: loaded again when `version` changes and when the server says so. */
export function useLoaded<Value>(path: string | undefined, version: unknown = 0): Loaded<Value> {
  const source = useMemo(() => signal<Value | undefined>(undefined), []);
  const failure = useMemo(() => signal<Problem | undefined>(undefined), []);
  useEffect(() => {
    let isOld = false;
    const load = async () => {
      if (path === undefined) return;
      try {
        const value = await ask<Value>('GET', path);
        if (isOld) return;
        source.value = value;
        failure.value = undefined;
      } catch (error) {
        if (isOld) return;
        if (error instanceof Problem && error.status !== 401) failure.value = error;
        else report(error);
      }
    };
    void load();
    const end = on('reset', () => void load());
    return () => {
      isOld = true;
      end();
    };
  }, [path, version]);
  return { value: source.value, error: failure.value, source };
}
