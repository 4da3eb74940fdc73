import { mkdir, writeFile } from 'node:fs/promises';
import { startReceiver } from '../src/demo/receiver.js';
import { systemClock } from '../src/system/clock.js';
import { Place } from '../test/e2e/program.js';
import type { Row } from './run.js';

const FILES = 80;
const BYTES = 4096;
/** ms until the server answers an upload that it has taken: a round trip and its own work. */
const ANSWER = 100;

/** From the first upload to the last answer, ms since the start of this process. */
interface Span {
  first: number;
  last: number;
}

/** Small files to slow HTTP servers: what several connections, and several targets, gain. */
export async function bench(): Promise<Row[]> {
  return [...(await connectionRows()), ...(await targetRows())];
}

async function connectionRows(): Promise<Row[]> {
  const one = await deliver([1]);
  const four = await deliver([4]);
  const what = `${FILES} files of ${BYTES} B to a server that answers after ${ANSWER} ms`;
  return [
    { what: `${what}: connections 1`, result: rate(one) },
    { what: `${what}: connections 4`, result: rate(four) },
    ratio(`${what}: connections 4 / 1`, one / four),
  ];
}

async function targetRows(): Promise<Row[]> {
  const apart = (await deliver([2])) + (await deliver([2]));
  const together = await deliver([2, 2]);
  return [ratio('two such targets at once / one after the other', apart / together)];
}

const rate = (seconds: number): string => `${(FILES / seconds).toFixed(0)} files/s`;

const ratio = (what: string, value: number): Row => ({ what, result: `${value.toFixed(2)} x` });

/** Every file to as many servers as connections are given, by the whole program; gives the seconds that the uploads took. */
async function deliver(connections: readonly number[]): Promise<number> {
  const span: Span = { first: Infinity, last: -Infinity };
  await Place.with(async place => {
    await mkdir(place.path('inbox'));
    for (let index = 0; index < FILES; index++)
      await writeFile(place.path(`inbox/${index}.ulg`), Buffer.alloc(BYTES, String(index)));
    const sites = await Promise.all(connections.map((_, index) => slowSite(place, `site${index}`, span)));
    const targets = sites.map(({ url }, index) => {
      const options = { type: 'http', url: `${url}/upload`, connections: connections[index] };
      return [`site${index}`, options] as const;
    });
    const config = await place.configure({
      devices: { inbox: { type: 'directory', path: './inbox' }, ...Object.fromEntries(targets) },
      rules: [{ from: 'inbox', to: targets.map(([name]) => name), settle: 0 }],
    });
    const { code, stderr } = await place.run(['sync', '-c', config]);
    if (code !== 0 || sites.some(site => site.uploads !== FILES))
      throw new Error(`sync ended with ${code}: ${stderr}`);
  });
  return (span.last - span.first) / 1000;
}

async function slowSite(place: Place, folder: string, span: Span) {
  const trouble = () => {
    span.first = Math.min(span.first, performance.now());
    const until = systemClock.sleep(ANSWER).then(() => void (span.last = performance.now()));
    return { after: Infinity, until, answer: { status: 200 } };
  };
  return place.use(await startReceiver({ folder: place.path(folder), trouble }));
}
