import assert from 'node:assert/strict';
import { allFiles, type Api } from '../../../src/api/api.js';
import type { FileQuery } from '../../../src/api/schema.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { failsWith } from '../../conformance/support.js';
import { databaseApi } from '../../fakes/database-api.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';

const SIZES = [50, 10, 40, 20, 30];
const RECORDS = SIZES.map((size, index) =>
  fileRecord(index + 1, { size, path: `day${index % 2}/${index + 1}.ulg`, foundAt: 1000 * (index + 1) }),
);

const apiOf = (): Api => databaseApi(new Records(new MemoryStore(RECORDS), systemClock));
const numbers = (files: readonly { readonly id: string }[]) => files.map(({ id }) => Number.parseInt(id, 16));
const asked = async (query: FileQuery) => numbers((await apiOf().files(query)).files);

describe('a query of files', () => {
  const cases: readonly [string, FileQuery, readonly number[]][] = [
    ['as they were found', {}, [1, 2, 3, 4, 5]],
    ['smallest first', { sort: 'size' }, [2, 4, 5, 3, 1]],
    ['largest first', { sort: '-size' }, [1, 3, 5, 4, 2]],
    ['newest first', { sort: '-found_at' }, [5, 4, 3, 2, 1]],
    ['by a glob', { match: 'day1/*' }, [2, 4]],
    ['larger than', { larger: 30 }, [1, 3]],
    ['since and until', { since: 2000, until: 4000 }, [2, 3, 4]],
    ['several states', { state: ['FOUND', 'FAILED'] }, [1, 2, 3, 4, 5]],
    ['another state', { state: ['FAILED'] }, []],
    ['some of them', { offset: 1, limit: 2 }, [2, 3]],
  ];
  for (const [title, query, expected] of cases)
    it(title, async () => assert.deepEqual(await asked(query), expected));

  it('goes on from page to page, although files come and go', async () => {
    const store = new MemoryStore(RECORDS);
    const api = databaseApi(new Records(store, systemClock));
    const first = await api.files({ limit: 2, sort: 'size' });
    assert.deepEqual([numbers(first.files), first.total], [[2, 4], 5]);
    await store.delete(first.files[0]?.id ?? '');
    await store.put(fileRecord(9, { size: 1 }));
    await store.put(fileRecord(8, { size: 2 }));
    const second = await api.files({ limit: 2, sort: 'size', cursor: first.cursor ?? '' });
    assert.deepEqual(numbers(second.files), [5, 3]);
    const third = await api.files({ limit: 2, sort: 'size', cursor: second.cursor ?? '' });
    assert.deepEqual([numbers(third.files), third.cursor], [[1], null]);
  });

  for (const match of ['*a*a*a*a*a*a*a*a*a*a*a*a*b', '+(a+(a+(a+(a))))b', '*(*(a|b)*(a|b))c'])
    it(`answers for a pattern that would take a regular expression minutes (${match})`, async () => {
      const paths = ['a'.repeat(60), 'a'.repeat(4_096), match];
      const store = new MemoryStore(paths.map((path, index) => fileRecord(index + 1, { path })));
      const api = databaseApi(new Records(store, systemClock));
      assert.deepEqual(numbers((await api.files({ match })).files), [3]);
    });

  it('refuses a pattern that takes too long with all paths', async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => (now += 1_000) };
    const many = Array.from({ length: 20 }, (_, index) => fileRecord(index + 1));
    const api = databaseApi(new Records(new MemoryStore(many), systemClock), undefined, clock);
    const error = await failsWith(() => api.files({ match: '*.ulg' }), 'config');
    assert.match(error.message, /^match: .* too long: write a shorter one/);
  });

  it('refuses what is no glob', async () => {
    const error = await failsWith(() => apiOf().files({ match: '(?<=a)*' }), 'config');
    assert.match(error.message, /^match: not a glob: /);
  });

  it('refuses a cursor that no page has named', async () => {
    const error = await failsWith(() => apiOf().files({ cursor: 'x' }), 'config');
    assert.match(error.message, /^cursor: /);
  });

  it('of all files asks for page after page, and for no more than wanted', async () => {
    const many = Array.from({ length: 2500 }, (_, index) => fileRecord(index + 1));
    const api = databaseApi(new Records(new MemoryStore(many), systemClock));
    const count = async (query: FileQuery) => {
      let files = 0;
      for await (const _file of allFiles(api, query)) files++;
      return files;
    };
    assert.deepEqual(
      [await count({}), await count({ limit: 1200 }), await count({ limit: 3 })],
      [2500, 1200, 3],
    );
  });
});
