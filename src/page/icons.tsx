/** Lines on a square of 24. */
const PATHS = {
  now: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-3.8 9.2 2.6 2.6 5-5.4',
  flights: 'M21 3 3 10.5l6.5 3L12.5 20 21 3zM9.5 13.5 21 3',
  devices: 'M5 5h14v9H5zM3 18.5h18M12 14v4.5',
  fleet:
    'M12 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM5.5 15a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zm13 0a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM10.8 8.4 6.7 15m6.5-6.6 4.1 6.6M8 17.5h8',
  log: 'M5 6h14M5 10.7h14M5 15.3h9M5 20h6',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  alert: 'M12 4 2.8 19.5h18.4zM12 10v4.2m0 2.6v.2',
  down: 'M12 4v12m-5-5 5 5 5-5M5 20h14',
  up: 'M12 20V8m-5 5 5-5 5 5M5 4h14',
  fail: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zm-3 5.5 6 6m0-6-6 6',
  part: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zm0 0v17M12 7h4.5M12 10.5h7.5M12 14h7.5M12 17.5h4',
  dot: 'M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
  skip: 'M5 12h14',
  offline:
    'M4 4l16 16M8.5 12.5a5.5 5.5 0 0 1 2.5-1.3m4.2.9 1 .9M5 9.2a11 11 0 0 1 2.5-1.7m4-1.3a11 11 0 0 1 7.8 3M12 18v.2',
  online: 'M5 9.2a11 11 0 0 1 14 0M8.3 12.8a6 6 0 0 1 7.4 0M12 17.8v.2',
  shield: 'M12 3l7.5 3v5.5c0 4.5-3 7.8-7.5 9.5-4.5-1.7-7.5-5-7.5-9.5V6z',
  back: 'M15 5l-7 7 7 7',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm4.7 11.2L20.5 20.5',
  close: 'M6 6l12 12M18 6 6 18',
  pause: 'M8.5 5.5v13m7-13v13',
  play: 'M7.5 5v14l11-7z',
  refresh: 'M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4.3h-4.3',
  first: 'M12 20V8m-5 5 5-5 5 5M6 4h12',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13',
  chart: 'M4 4v16h16M8 15l3.5-4.5 3 2.5L20 7',
  paper: 'M6.5 3h7.5l4 4v14h-11.5zM14 3v4h4M9.5 12h5.5M9.5 16h5.5',
  out: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  copy: 'M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4',
  disk: 'M4 14h16v5.5H4zM4 14l3-9.5h10l3 9.5M16 16.7h.2',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} />
  </svg>
);
