import { absence, PEER } from './peer.js';
import { atOnce, CEILING, LOSSES, RATES, type Result, type Table } from './table.js';

/** ms, one way. */
const DELAY_MS = 10;
/** Seconds of the wire that the file takes at least, and after which the peer is cut off. */
const LENGTH_S = 12;
const LIMIT_S = 60;

/** The window and another client, on every rate, without loss and with 5 %; or why that cannot be. */
export async function besidePeer(table: Table): Promise<Result[] | string> {
  const absent = await absence();
  if (absent !== undefined) return `other clients: ${PEER} is ${absent}`;
  const ways = ['window', PEER] as const;
  const links = RATES.flatMap(rate => LOSSES.slice(0, 2).map(loss => ({ rate, loss, delay: DELAY_MS })));
  const cells = links.flatMap(link => ways.map(way => ({ ...link, way, weight: link.rate.weight })));
  return atOnce(cells, cell => {
    const size = Math.round(cell.rate.bytes * CEILING * LENGTH_S);
    return table.run(cell, size, cell.way === 'window' ? 600_000 : LIMIT_S * 1000);
  });
}
