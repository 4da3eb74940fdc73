import { readFile, writeFile } from 'node:fs/promises';
import { LOSSES, RATES, type Cell, type Result } from './table.js';

/** A loopback without an emulated link: KB a second. */
export interface Near {
  readonly what: string;
  readonly burst: number;
  readonly window: number;
}

export interface Measured {
  readonly near: readonly Near[];
  readonly links: readonly Result[];
}

/** As JSON has it: links by name, and null for what is infinite. */
interface Written {
  readonly near: readonly Near[];
  readonly links: readonly (Omit<Result, 'rate' | 'loss' | 'telemetry' | 'datagrams'> & {
    /** Absent in results of earlier versions, and null for what was not counted. */
    readonly datagrams?: number | null;
    readonly rate: string;
    readonly loss: string;
    readonly telemetry: number | null;
  })[];
}

export const sameLink = (a: Cell, b: Cell) =>
  a.rate.name === b.rate.name && a.loss.name === b.loss.name && a.delay === b.delay;

/** The results in the file, with new ones in place of old ones; the file is written again. */
export async function merged(file: string | undefined, fresh: Measured): Promise<Measured> {
  if (file === undefined) return fresh;
  const old = await readResults(file);
  const isFresh = (cell: Cell) => fresh.links.some(other => sameLink(other, cell) && other.way === cell.way);
  const all = {
    near: [...old.near.filter(({ what }) => !fresh.near.some(other => other.what === what)), ...fresh.near],
    links: [...old.links.filter(cell => !isFresh(cell)), ...fresh.links],
  };
  await writeFile(file, JSON.stringify(written(all), undefined, 1));
  return all;
}

async function readResults(file: string): Promise<Measured> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{"near":[],"links":[]}';
    throw error;
  });
  const { near, links } = JSON.parse(text) as Written;
  return { near, links: links.flatMap(restored) };
}

function restored({ rate, loss, telemetry, ...rest }: Written['links'][number]): Result[] {
  const [line, losses] = [RATES.find(({ name }) => name === rate), LOSSES.find(({ name }) => name === loss)];
  if (!line || !losses) return [];
  return [
    {
      ...rest,
      datagrams: rest.datagrams ?? NaN,
      rate: line,
      loss: losses,
      telemetry: telemetry ?? Infinity,
      intact: rest.intact,
    },
  ];
}

function written({ near, links }: Measured): Written {
  return {
    near,
    links: links.map(link => ({ ...link, rate: link.rate.name, loss: link.loss.name })),
  };
}
