import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows beyond the edges of the window, so that a fast scroll and the keyboard find them. */
const MARGIN = 10;
/** As in page.css, in rem. */
const ROW_REM = { narrow: 6, wide: 3.5 };
const WIDE = '(min-width: 56rem)';

export interface Rows {
  readonly list: RefObject<HTMLUListElement | null>;
  /** The first row to draw, and the one behind the last. */
  readonly first: number;
  readonly last: number;
  readonly rowPixels: number;
}

/** Which rows of a long list are in the window, so that only these are drawn. */
export function useRows(count: number): Rows {
  const list = useRef<HTMLUListElement>(null);
  const [range, setRange] = useState({ top: 0, height: window.innerHeight, rowPixels: rowPixels() });
  const measure = () => {
    const top = Math.max(0, -(list.current?.getBoundingClientRect().top ?? 0));
    const next = { top, height: window.innerHeight, rowPixels: rowPixels() };
    setRange(before => (isSame(before, next) ? before : next));
  };
  useLayoutEffect(measure, [count]);
  useEffect(() => {
    window.addEventListener('scroll', measure, { passive: true });
    window.addEventListener('resize', measure);
    return () => {
      window.removeEventListener('scroll', measure);
      window.removeEventListener('resize', measure);
    };
  }, []);
  const first = Math.max(0, Math.floor(range.top / range.rowPixels) - MARGIN);
  const shown = Math.ceil(range.height / range.rowPixels) + 2 * MARGIN;
  return {
    list,
    first: Math.min(first, count),
    last: Math.min(count, first + shown),
    rowPixels: range.rowPixels,
  };
}

interface Range {
  readonly top: number;
  readonly height: number;
  readonly rowPixels: number;
}

/** Half the margin may pass before other rows are drawn. */
const isSame = (a: Range, b: Range): boolean =>
  Math.abs(a.top - b.top) < (MARGIN / 2) * b.rowPixels &&
  a.height === b.height &&
  a.rowPixels === b.rowPixels;

function rowPixels(): number {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return rem * (matchMedia(WIDE).matches ? ROW_REM.wide : ROW_REM.narrow);
}
