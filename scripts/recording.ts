import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import xterm from '@xterm/headless';
import { startFtpServer } from '../src/demo/ftp-server.js';
import { startVehicle } from '../test/e2e/parts.js';
import { Place } from '../test/e2e/program.js';
import { TerminalProgram, type Piece } from '../test/e2e/terminal.js';
import { FLIGHT } from '../test/e2e/world.js';
import { filmOf, type Frame } from './film.js';

// Makes docs/recording.svg: the real program on a pseudo-terminal, with a simulated autopilot behind a slow link and an FTP
// server. Run it after `npm run build`.

const SIZE = { columns: 100, rows: 24 };
/** Bytes per second: a log takes some seconds. */
const LINK_RATE = 150_000;
const PASSWORD = 'secret-word';
const COMMANDS = ['check', 'sync', 'status', 'files'];
const LOGS = ['2026-08-01/12_30_05.ulg', '2026-08-01/13_05_41.ulg'];

const TYPED_MS = 900;
/** How long the end of a command is shown. */
const READING_MS = 2_500;
/** Between two frames of output; what comes faster is one frame. */
const MIN_FRAME_MS = 400;
const MAX_FRAME_MS = 1_500;

/** The folder that the program sees has a random name; a reader sees that of a companion computer. */
const SHOWN_FOLDER = '/home/pi';

class Film {
  readonly frames: Frame[] = [];
  readonly #emulator = new xterm.Terminal({
    ...{ cols: SIZE.columns, rows: SIZE.rows, allowProposedApi: true },
  });

  async show(text: string, ms: number): Promise<void> {
    await new Promise<void>(resolve => this.#emulator.write(text, resolve));
    const { active } = this.#emulator.buffer;
    const row = (index: number) => active.getLine(active.baseY + index)?.translateToString(true) ?? '';
    this.frames.push({ ms, rows: Array.from({ length: SIZE.rows }, (_, index) => row(index).trimEnd()) });
  }

  async play(pieces: readonly Piece[]): Promise<void> {
    let [text, shownAtMs] = ['', pieces[0]?.atMs ?? 0];
    for (const [index, piece] of pieces.entries()) {
      text += piece.text;
      const next = pieces[index + 1];
      if (next && next.atMs - shownAtMs < MIN_FRAME_MS) continue;
      await this.show(text, next ? Math.min(next.atMs - shownAtMs, MAX_FRAME_MS) : READING_MS);
      [text, shownAtMs] = ['', next?.atMs ?? 0];
    }
  }
}

async function configure(place: Place, port: number): Promise<void> {
  await mkdir(place.path('.config/filesync'), { recursive: true });
  await place.configure(
    {
      local: '../../data',
      devices: {
        autopilot: { type: 'mavlink', url: 'udp://0.0.0.0:14540@', root: '/fs/microsd/log' },
        archive: {
          type: 'ftp',
          host: '127.0.0.1',
          port,
          user: 'drone',
          password: { env: 'ARCHIVE_PASSWORD' },
        },
      },
      rules: [{ from: 'autopilot', to: ['archive'], include: ['**/*.ulg'], settle: '1s' }],
    },
    '.config/filesync/filesync.yaml',
  );
}

async function record(place: Place): Promise<readonly Frame[]> {
  for (const log of LOGS) {
    const path = place.path('card/fs/microsd/log', log);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(FLIGHT, path);
  }
  const ftp = place.use(
    await startFtpServer({ folder: place.path('ftp'), user: 'drone', password: PASSWORD, signals: process }),
  );
  await startVehicle(place, '--rate', String(LINK_RATE));
  await configure(place, ftp.port);
  const film = new Film();
  for (const command of COMMANDS) {
    await film.show(`$ filesync ${command}\r\n`, TYPED_MS);
    const program = TerminalProgram.start(place, command, SIZE, { ARCHIVE_PASSWORD: PASSWORD });
    const code = await program.ended;
    if (code !== 0) throw new Error(`filesync ${command} ended with ${code}: ${program.text}`);
    const pieces = program.pieces.map(({ atMs, text }) => ({
      atMs,
      text: text.replaceAll(place.folder, SHOWN_FOLDER),
    }));
    await film.play(pieces);
  }
  return film.frames;
}

await Place.with(async place => {
  const frames = await record(place);
  await writeFile(new URL('../docs/recording.svg', import.meta.url), filmOf(frames, SIZE.columns));
});
process.exit();
