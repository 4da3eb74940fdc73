import assert from 'node:assert/strict';
import { DatabaseApi } from '../../../src/api/database-api.js';
import { Records } from '../../../src/record/records.js';
import { systemClock } from '../../../src/system/clock.js';
import { Grouping } from '../../../src/units/grouping.js';
import { fileRecord } from '../../fakes/file-record.js';
import { MemoryStore } from '../../fakes/memory-store.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { rule } from '../rules/rule.js';

const pending = { targets: { archive: { state: 'pending' } } } as const;
const failed = { targets: { archive: { state: 'failed', reason: 'no' } } } as const;
const BAG = [
  fileRecord(1, { path: 'run/0.mcap', ...failed }),
  fileRecord(2, { path: 'run/1.mcap', ...pending }),
  fileRecord(3, { path: 'run/metadata.yaml', ...pending }),
];
const OTHER = [
  fileRecord(4, { path: 'next/0.mcap', ...pending }),
  fileRecord(5, { path: 'x.bin', ...pending }),
];
const ALL = [...BAG, ...OTHER];
const bags = Grouping.by([rule({ include: ['*/*.mcap'], together: { folder: 'metadata.yaml' } }), rule()]);
const idsOf = (records: readonly { id: string }[]) => records.map(({ id }) => id);

const apiOf = (grouping: Grouping) => {
  const records = new Records(new MemoryStore(ALL), systemClock, new RecordingLogger());
  return new DatabaseApi({ records, clock: systemClock, local: '/', grouping });
};

describe('Grouping', () => {
  it('counts units and their files', () => {
    assert.deepEqual(bags.count(ALL), [{ kind: 'bag', units: 2, files: 4 }]);
    const others = Grouping.by([rule({ together: { folder: 'DONE' } })]);
    assert.deepEqual(others.count(BAG), [{ kind: 'folder', units: 1, files: 3 }]);
    assert.deepEqual(Grouping.by([rule()]).count(ALL), []);
  });

  it('names the other files of a unit', () => {
    const [first, ...others] = BAG;
    assert.deepEqual(
      bags.withUnits([first?.id ?? ''], () => ALL),
      idsOf([first ?? fileRecord(1), ...others]),
    );
    assert.deepEqual(
      bags.withUnits(['unknown', fileRecord(5).id], () => ALL),
      ['unknown', fileRecord(5).id],
    );
  });
});

describe('DatabaseApi, of a bag', () => {
  it('says in its status how many there are', async () => {
    const { units, verdict } = await apiOf(bags).status();
    assert.deepEqual(units, [{ kind: 'bag', units: 2, files: 3 }]);
    assert.match(verdict.text, /2 bags of 3 files unfinished; 4 files wait$/);
  });

  it('moves all its files to the front', async () => {
    const ids = idsOf([BAG[1] ?? fileRecord(2), BAG[2] ?? fileRecord(3)]);
    assert.deepEqual(await apiOf(bags).first({ ids: [ids[0] ?? ''] }), { changed: ids, refused: [] });
  });

  it('tries its failed files again, whichever of its files is named', async () => {
    const marker = BAG[2]?.id ?? '';
    const { changed, refused } = await apiOf(bags).retry({ ids: [marker] });
    assert.deepEqual(changed, [BAG[0]?.id]);
    assert.deepEqual(idsOf(refused), [marker]);
  });

  it('forgets only what is named', async () => {
    assert.deepEqual((await apiOf(bags).forget({ ids: [BAG[1]?.id ?? ''] })).changed, [BAG[1]?.id]);
  });
});
