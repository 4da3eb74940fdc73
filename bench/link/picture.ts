import { WAYS } from './reading.js';
import { LOSSES, RATES, type Result } from './table.js';

const PANEL = { width: 170, height: 110, gap: 18 };
const LEFT = 120;
const TOP = 56;
const COLOURS = { window: '#0b6e4f', burst: '#d08c00', 'stop-and-wait': '#a11d33' } as const;
/** ms at the right edge of a panel. */
const MAX_DELAY_MS = 100;

/** Goodput over delay: a row of panels for each kind of loss, a column for each rate, a line for each way (SVG). */
export function drawn(results: readonly Result[]): string {
  const panels = LOSSES.flatMap((loss, row) =>
    RATES.map((rate, column) => {
      const own = results.filter(r => r.rate === rate && r.loss === loss);
      return panel(own, LEFT + column * (PANEL.width + PANEL.gap), TOP + row * (PANEL.height + PANEL.gap));
    }),
  );
  const [width, height] = [
    LEFT + RATES.length * (PANEL.width + PANEL.gap),
    TOP + LOSSES.length * (PANEL.height + PANEL.gap) + 24,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...legend(),
    ...titles(),
    ...panels,
    text(LEFT, height - 8, 'one-way delay, 0 to 100 ms; share of what the wire can carry, 0 to 100 %'),
    '</svg>',
    '',
  ].join('\n');
}

function legend(): string[] {
  return WAYS.map((way, index) => {
    const x = LEFT + index * 140;
    return `<rect x="${x}" y="9" width="18" height="4" fill="${COLOURS[way]}"/>${text(x + 24, 15, way)}`;
  });
}

function titles(): string[] {
  return [
    ...RATES.map(({ name }, column) => text(LEFT + column * (PANEL.width + PANEL.gap), TOP - 12, name)),
    ...LOSSES.map(({ name }, row) => text(8, TOP + row * (PANEL.height + PANEL.gap) + 60, name)),
  ];
}

function panel(results: readonly Result[], x: number, y: number): string {
  const lines = WAYS.map(way => {
    const points = results.filter(r => r.way === way).map(({ delay, share }) => point(delay, share, x, y));
    const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${COLOURS[way]}"/>`);
    const path = points.map(pair => pair.join(',')).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[way]}" stroke-width="1.5"/>${dots.join('')}`;
  });
  return `<rect x="${x}" y="${y}" width="${PANEL.width}" height="${PANEL.height}" fill="#f7f7f7" stroke="#bbb"/>${lines.join('')}`;
}

function point(delay: number, share: number, x: number, y: number): [string, string] {
  return [
    (x + (delay / MAX_DELAY_MS) * PANEL.width).toFixed(1),
    (y + (1 - Math.min(1, share)) * PANEL.height).toFixed(1),
  ];
}

const text = (x: number, y: number, words: string) => `<text x="${x}" y="${y}">${words}</text>`;
