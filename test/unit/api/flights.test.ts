import assert from 'node:assert/strict';
import { allFlights, type Api } from '../../../src/api/api.js';
import * as schema from '../../../src/api/schema.js';
import type { FlightQuery } from '../../../src/api/schema.js';
import type { FileRecord } from '../../../src/ports.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { databaseApi } from '../../fakes/database-api.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 7, 1);

/** A log of half an hour that begins on the full hour; odd hours are of another vehicle. */
function logOf(hour: number): FileRecord {
  const vehicle = hour % 2 === 0 ? '0002a' : '0002b';
  return fileRecord(hour, {
    device: hour % 2 === 0 ? 'red' : 'blue',
    targets: { ftp: { state: 'pending' } },
    facts: { format: 'ulog', start: T0 + hour * HOUR, duration: HOUR / 2, vehicle },
  });
}

const RECORDS = [1, 2, 3, 4, 5].map(logOf);
const apiOf = (records = RECORDS): Api => databaseApi(new Records(new MemoryStore(records), systemClock));
const hours = (flights: readonly { readonly id: string }[]) =>
  flights.map(({ id }) => Number.parseInt(id, 16));
const asked = async (query: FlightQuery) => hours((await apiOf().flights(query)).flights);

describe('a query of flights', () => {
  const cases: readonly [string, FlightQuery, readonly number[]][] = [
    ['the newest first', {}, [5, 4, 3, 2, 1]],
    ['some of them', { offset: 1, limit: 2 }, [4, 3]],
    ['of a vehicle', { vehicle: '0002a' }, [4, 2]],
    ['by the beginning of its name', { vehicle: '0002' }, [5, 4, 3, 2, 1]],
    ['of a source', { vehicle: 'blue' }, [5, 3, 1]],
    ['of nobody', { vehicle: 'green' }, []],
    ['that had not ended', { since: T0 + 4.5 * HOUR }, [5, 4]],
    ['that had ended', { since: T0 + 4.5 * HOUR + 1 }, [5]],
  ];
  for (const [title, query, expected] of cases)
    it(title, async () => assert.deepEqual(await asked(query), expected));

  it('goes on from page to page', async () => {
    const first = await apiOf().flights({ limit: 2 });
    assert.deepEqual([hours(first.flights), first.total], [[5, 4], 5]);
    const withNewer = apiOf([...RECORDS, logOf(6)]);
    const second = await withNewer.flights({ limit: 2, cursor: first.cursor ?? '' });
    assert.deepEqual(hours(second.flights), [3, 2]);
    const all: schema.FlightView[] = [];
    for await (const flight of allFlights(apiOf(), { limit: 4 })) all.push(flight);
    assert.deepEqual(hours(all), [5, 4, 3, 2]);
    await failsWith(() => apiOf().flights({ cursor: 'x' }), 'config');
  });

  it('takes the files of the archive if it is asked to', async () => {
    const store = new MemoryStore(RECORDS);
    await store.archive([logOf(1).id, logOf(2).id]);
    const api = databaseApi(new Records(store, systemClock));
    assert.deepEqual(hours((await api.flights({})).flights), [5, 4, 3]);
    assert.deepEqual(hours((await api.flights({ archive: true })).flights), [5, 4, 3, 2, 1]);
  });

  it('is answered in the form of the schema', async () => {
    const failed = { ...logOf(7), givenUp: true as const, reason: 'no answer' };
    const untimed = fileRecord(8, { targets: { web: { state: 'done', location: 'https://web/8' } } });
    const page = await apiOf([failed, untimed]).flights({});
    assert.deepEqual(schema.flightPage.parse(page), page);
    const [other, first] = page.flights;
    assert.deepEqual(
      [first?.state, first?.started_at, first?.duration_seconds, first?.missing[0]?.text],
      ['FAILED', '2026-08-01T07:00:00.000Z', 1800, 'no answer'],
    );
    assert.deepEqual(
      [other?.state, other?.started_at, other?.duration_seconds, other?.delivered],
      ['COMPLETE', null, null, [{ target: 'web', done: 1, files: 1, links: ['https://web/8'] }]],
    );
  });
});
