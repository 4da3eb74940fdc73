import uPlot from 'uplot';
import { duration } from './format.js';
import { TEXT } from './strings.js';
import type { Signal } from './types.js';

// A chunk of its own, loaded when a plot is asked for. uPlot sets styles through the CSSOM, which the page's policy allows.

const HEIGHT = 150;
/** Between two marks of the time, in seconds. */
const TIME_STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400];
const COLOURS: Readonly<Record<Signal['name'], string>> = {
  altitude: '--plot-1',
  speed: '--plot-2',
  battery: '--plot-3',
};

/** Draws one plot for each signal, below each other, with one cursor. Returns how to remove them. */
export function draw(place: HTMLElement, signals: readonly Signal[]): () => void {
  const plots = signals.map(signal => new uPlot(optionsOf(place, signal), dataOf(signal), place));
  const fit = new ResizeObserver(() => {
    for (const plot of plots) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  fit.observe(place);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => plots.forEach(plot => plot.redraw());
  scheme.addEventListener('change', redraw);
  return () => {
    fit.disconnect();
    scheme.removeEventListener('change', redraw);
    for (const plot of plots) plot.destroy();
  };
}

const dataOf = ({ points }: Signal): uPlot.AlignedData => [
  points.map(([seconds]) => seconds),
  points.map(([, value]) => value),
];

const colour = (name: string) => (): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name);

function optionsOf(place: HTMLElement, { name, unit }: Signal): uPlot.Options {
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { sync: { key: 'flight' }, y: false },
    legend: { live: true },
    scales: { x: { time: false } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(tick => duration(tick)), space: 70, incrs: TIME_STEPS },
      { ...axis, size: 48, values: (_, ticks) => ticks.map(tick => String(tick)) },
    ],
    series: [
      { label: '', value: (_, seconds) => (seconds === null ? '' : TEXT.file.into(duration(seconds))) },
      {
        label: TEXT.file.signals[name],
        stroke: colour(COLOURS[name]),
        width: 1.5,
        points: { show: false },
        value: (_, value) => (value === null ? unit : `${value.toFixed(1)} ${unit}`),
      },
    ],
  };
}
