/** What a terminal shows for a while. */
export interface Frame {
  readonly ms: number;
  /** From the top. */
  readonly rows: readonly string[];
}

// Pixels.
const CHARACTER = 8.4;
const LINE = 19;
const MARGIN = 14;
const FONT = 14;

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');

/**
 * The frames as an SVG without scripts: all of them one below the other, and CSS moves the strip. Where nothing moves, because a
 * viewer does not animate or its user wants it so, the last one is seen.
 */
export function filmOf(frames: readonly Frame[], columns: number): string {
  const rows = Math.max(...frames.map(frame => frame.rows.length));
  const [width, height] = [Math.ceil(columns * CHARACTER) + 2 * MARGIN, rows * LINE + 2 * MARGIN];
  const last = (1 - frames.length) * height;
  const strip = frames.flatMap(({ rows }, index) =>
    rows.map((text, row) => line(text, index * height + row * LINE)),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>filesync check, sync, status and files on a terminal</title>
<style>
text { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: ${FONT}px; fill: #d8dee9; }
.typed { fill: #a3be8c; font-weight: bold; }
#strip { animation: play ${seconds(total(frames))}s steps(1, end) infinite; }
@media (prefers-reduced-motion: reduce) { #strip { animation: none; } }
@keyframes play {
${keyframes(frames, height).join('\n')}
}
</style>
<rect width="${width}" height="${height}" rx="8" fill="#2e3440"/>
<svg width="${width}" height="${height}">
<g id="strip" transform="translate(0 ${last})">
${strip.filter(text => text !== '').join('\n')}
</g>
</svg>
</svg>
`;
}

const total = (frames: readonly Frame[]) => frames.reduce((sum, { ms }) => sum + ms, 0);
const seconds = (ms: number) => Number((ms / 1000).toFixed(1));

function line(text: string, top: number): string {
  if (text === '') return '';
  const isTyped = text.startsWith('$ ');
  return `<text x="${MARGIN}" y="${top + MARGIN + FONT}"${isTyped ? ' class="typed"' : ''}>${escaped(text)}</text>`;
}

function keyframes(frames: readonly Frame[], height: number): string[] {
  const all = total(frames);
  let ms = 0;
  return frames.map((frame, index) => {
    const at = ((ms / all) * 100).toFixed(2);
    ms += frame.ms;
    return `${at}% { transform: translateY(${-index * height}px); }`;
  });
}
