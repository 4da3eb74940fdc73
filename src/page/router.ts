import { signal } from '@preact/signals';

/** The screen with what it shows, from the fragment of the address: `#/files?state=FAILED`, `#/file/ID`. */
export interface Place {
  readonly screen: string;
  readonly id: string;
  readonly query: URLSearchParams;
}

function placeOf(fragment: string): Place {
  const [path = '', search = ''] = fragment.replace(/^#\/?/, '').split('?', 2);
  const [screen = '', id = ''] = path.split('/');
  return { screen: screen || 'now', id: decoded(id), query: new URLSearchParams(search) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export const place = signal(placeOf(location.hash));

window.addEventListener('hashchange', () => {
  const before = place.value;
  place.value = placeOf(location.hash);
  if (before.screen === place.value.screen && before.id === place.value.id) return;
  window.scrollTo(0, 0);
  document.getElementById('screen')?.focus({ preventScroll: true });
});

export const link = (screen: string, id = '', query: Record<string, string> = {}): string => {
  const kept = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(kept).toString();
  return `#/${screen}${id && `/${encodeURIComponent(id)}`}${search && `?${search}`}`;
};

/** Changes the address without an entry in the history. */
export function replace(fragment: string): void {
  history.replaceState(null, '', fragment);
  place.value = placeOf(fragment);
}
