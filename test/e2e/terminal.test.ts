import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { sample } from '../conformance/support.js';
import { folders, put, startVehicle } from './parts.js';
import { Place } from './program.js';
import { TerminalProgram, type Shown, type Size } from './terminal.js';
import { ENV, FLIGHT, inWorld, type World } from './world.js';

const REFUSAL =
  'this log was recorded with a firmware that the page does not accept: update the firmware, then send it again';
const LOGS = ['sess001/log_100_2026-11-22-16-00-00.ulg', 'sess001/log_101_2026-11-22-16-30-00.ulg'];
/** Bytes per second: a log takes some seconds. */
const SLOW = 150_000;

const isTransfer = (row: string) => /(\.ulg|…).*\d%/.test(row);
const isTotal = (row: string) => /\d+ of \d+ files/.test(row);

/** A transfer and the total have a rate and a time left. */
const isUnderWay = ({ screen }: Shown) =>
  screen.some(row => isTransfer(row) && /B\/s +\S+ left$/.test(row)) &&
  screen.some(row => isTotal(row) && /B\/s +\S+ left$/.test(row));

/** `SHOW=1` prints the screens that the tests look at. */
function look(title: string, lines: readonly string[]): void {
  if (process.env['SHOW']) console.log([`--- ${title}`, ...lines, '---'].join('\n'));
}

/** The rows that were drawn again and again, as they were written: between "wrapping off" and "wrapping on". */
function drawnLines(raw: string): string[] {
  const drawn = raw
    .split('\x1b[?7l')
    .slice(1)
    .map(text => text.split('\x1b[?7h')[0] ?? '');
  return drawn.map(stripVTControlCharacters);
}

/** Nothing is left of what was drawn, and the terminal wraps lines as before. */
function assertErased(program: TerminalProgram): void {
  assert.doesNotMatch(program.text, /\d%|of \d+ files/);
  assert.ok(program.raw.lastIndexOf('\x1b[?7h') >= program.raw.lastIndexOf('\x1b[?7l'));
}

/** A world whose link is slow enough to watch, and whose page refuses each log. */
const inSlowWorld = (test: (world: World) => Promise<void>) =>
  inWorld(
    {
      logs: LOGS,
      sim: { rate: SLOW },
      trouble: () => ({ after: Infinity, answer: { status: 400, body: REFUSAL } }),
    },
    test,
  );

/** A vehicle with the flight log under that name, behind a slow link, and a configuration that brings it to a folder. */
async function slowVehicle(place: Place, name: string) {
  await mkdir(place.path('card/log'), { recursive: true });
  await copyFile(FLIGHT, place.path('card/log', name));
  const vehicle = await startVehicle(place, '--rate', String(SLOW));
  const drone = { type: 'mavlink', url: vehicle.url, root: '/log' };
  const config = await place.configure(folders({ rule: { from: 'drone' }, devices: { drone } }));
  return { vehicle, config };
}

const SIZE: Size = { columns: 80, rows: 24 };

describe('sync on a terminal', function () {
  this.timeout(120_000);

  for (const columns of [60, 80, 140])
    it(`shows rate and time left, and truncates no message, at ${columns} columns`, () =>
      inSlowWorld(async ({ place, config }) => {
        const program = TerminalProgram.start(place, `sync -c ${config}`, { columns, rows: 24 }, ENV);
        const { screen } = await program.shows(isUnderWay);
        look(`sync, ${columns} columns`, screen);
        assert.equal(await program.ended, 1);
        const { text } = program;
        look(`at its end`, text.split('\n'));
        for (const line of drawnLines(program.raw)) assert.ok(line.length < columns, line);
        assert.match(
          text,
          new RegExp(`^\\d\\d:\\d\\d:\\d\\d ERROR autopilot:\\S+\\.ulg -> review: .*${REFUSAL}`, 'm'),
        );
        assert.ok(text.includes(`\n  ${LOGS.map(log => `autopilot:${log}`).join(', ')}\n`), text);
        assertErased(program);
        assert.match(text, new RegExp(`^2 files: FAILED: review: .*${REFUSAL}`, 'm'));
        assert.match(text, /^archive: 2 delivered \(973\.5 kB\)$/m);
        assert.match(text, /^review: 0 delivered, 2 failed$/m);
        assert.match(text, /: filesync show [0-9a-f]{12} -c /);
        assert.match(text, /: filesync retry --failed -c /);
      }));

  it('lays its lines out again when the size of the terminal changes', () =>
    inSlowWorld(async ({ place, config }) => {
      const program = TerminalProgram.start(place, `sync -c ${config}`, { columns: 140, rows: 24 }, ENV);
      look('140 columns', (await program.shows(isUnderWay)).screen);
      for (const columns of [60, 100, 80]) {
        await program.resize({ columns, rows: 20 });
        const fits = ({ screen }: Shown) => {
          const live = screen.filter(row => isTransfer(row) || isTotal(row));
          const hasBytes = live.some(row => row.includes('kB/486.7 kB'));
          const isWhole = live.every(row => row.length < columns && / left$/.test(row));
          return live.length === 2 && isWhole && hasBytes === columns >= 80;
        };
        look(`${columns} columns`, (await program.shows(fits)).screen);
      }
      await program.ended;
      assertErased(program);
      for (const log of LOGS) assert.ok(program.text.includes(`autopilot:${log}: found`));
    }));

  it('Ctrl-C: says what is kept, and erases its lines', () =>
    Place.with(async place => {
      const { config } = await slowVehicle(place, 'log_8.ulg');
      const program = TerminalProgram.start(place, `sync -c ${config}`, SIZE);
      await program.shows(isUnderWay);
      program.type('\x03');
      assert.equal(await program.ended, 130);
      look('Ctrl-C', program.shown.lines);
      assert.match(
        program.text,
        /drone:log_8\.ulg: download stopped: kept \d+\.\d kB of 486\.7 kB; the next run resumes there/,
      );
      assert.match(program.text, /^outbox: 0 delivered, 1 waiting$/m);
      assert.match(program.text, /^stopped: 1 unfinished, the next run goes on with them$/m);
      assertErased(program);
    }));

  it('says for how many files it waits, and how long', () =>
    Place.with(async place => {
      for (const name of ['a.bin', 'b.bin']) await place.sparse(`inbox/${name}`, 1000);
      const config = await place.configure(folders({ rule: { settle: '3s' } }));
      const program = TerminalProgram.start(place, `sync -c ${config}`, SIZE);
      assert.equal(await program.ended, 0, program.text);
      look('settle', program.shown.lines);
      const waiting = program.shown.lines.filter(line => line.includes('growing'));
      assert.equal(waiting.length, 1);
      assert.match(waiting[0] ?? '', /: 2 of inbox; waiting \d s until they have settled$/);
    }));

  it('a name acts on no terminal and hides nothing, and wide characters count twice', () =>
    Place.with(async place => {
      const { config } = await slowVehicle(
        place,
        '飛行記録飛行記録飛行記録飛行記録飛行記録\u202egnp.\u200b\u009b31m.ulg',
      );
      const program = TerminalProgram.start(place, `sync -c ${config}`, { columns: 60, rows: 24 });
      const { screen } = await program.shows(isUnderWay);
      look('wide', screen);
      assert.equal(await program.ended, 0);
      look('at its end', program.shown.lines);
      for (const char of ['\u202e', '\u200b', '\u009b31m']) assert.ok(!program.raw.includes(char));
      assert.match(program.text, /飛行記録\\u202egnp\.\\u200b\\x9b31m\.ulg: found/);
      const [transfer = '', total = ''] = screen.filter(row => isTransfer(row) || isTotal(row));
      const wide = [...transfer].filter(char => char >= '\u3000').length;
      assert.ok(wide > 0);
      assert.equal(transfer.length + wide, total.length, 'the columns are aligned');
    }));

  it('a terminal that knows no control functions gets lines alone', () =>
    Place.with(async place => {
      await place.sparse('inbox/a.bin', 1000);
      const config = await place.configure(folders());
      const program = TerminalProgram.start(place, `sync -c ${config}`, SIZE, { TERM: 'dumb' });
      assert.equal(await program.ended, 0);
      assert.ok(!program.raw.includes('\x1b'));
      assert.match(program.text, /^\d\d:\d\d:\d\d INFO +inbox:a\.bin -> outbox: delivered/m);
    }));

  it('shows the line of all work where there are rows for nothing else', () =>
    Place.with(async place => {
      const { config } = await slowVehicle(place, 'a.ulg');
      const program = TerminalProgram.start(place, `sync -c ${config}`, { columns: 80, rows: 2 });
      const { screen } = await program.shows(({ screen }) => screen.some(isTotal));
      look('two rows', screen);
      assert.equal(await program.ended, 0);
      assertErased(program);
    }));
});

describe('run on a terminal', function () {
  this.timeout(120_000);

  it('shows transfers as sync does, says what arming keeps, and erases its lines when nothing is left', () =>
    Place.with(async place => {
      const { vehicle, config } = await slowVehicle(place, 'log_8.ulg');
      const program = TerminalProgram.start(place, `run -c ${config}`, SIZE);
      look('run', (await program.shows(isUnderWay)).screen);
      vehicle.toggleArmed();
      const kept =
        /drone:log_8\.ulg: download interrupted \(the vehicle is armed\): kept \S+ kB of 486\.7 kB; it resumes there when that is over/;
      look('armed', (await program.shows(({ lines }) => kept.test(lines.join('\n')))).screen);
      vehicle.toggleArmed();
      await program.shows(({ lines }) => /log_8\.ulg -> outbox: delivered/.test(lines.join('\n')));
      const { lines } = await program.shows(
        ({ screen }) => !screen.some(row => isTransfer(row) || isTotal(row)),
      );
      look('idle', lines);
      program.type('\x03');
      assert.equal(await program.ended, 130);
      assertErased(program);
    }));

  it('logs how far a long transfer is where there is no terminal', () =>
    Place.with(async place => {
      await put(place.path('card/log/log_9.ulg'), sample(4_000_000, 1));
      const vehicle = await startVehicle(place, '--rate', '200000');
      const drone = { type: 'mavlink', url: vehicle.url, root: '/log' };
      const config = await place.configure(folders({ rule: { from: 'drone' }, devices: { drone } }));
      const daemon = place.start(['run', '-c', config]);
      await daemon.says(/drone:log_9\.ulg: \d+%, \d\.\d MB of 4\.0 MB, \d+\.\d kB\/s, 0:\d\d left/);
    }));
});
