import assert from 'node:assert/strict';
import { STATES, show } from './states.js';
import { DESK, inWindow, LOOKS, overflow, resize, seriousViolations, smallTargets } from './window.js';

/** Pixels; the last is a screen of 4K. */
const EXTREMES = [320, 3840];

describe('each screen and state of the page', () => {
  for (const state of STATES)
    it(`${state.name} fits phone and desk, dark and light, can be touched, and axe-core finds nothing serious`, async () => {
      await inWindow(DESK, async (page, server) => {
        await show(page, server, state);
        for (const look of LOOKS) {
          await resize(page, look);
          const where = `${look.width} px, ${look.scheme}`;
          assert.equal(await overflow(page), 0, where);
          assert.deepEqual(await smallTargets(page), [], where);
          // What axe-core finds depends on colours and on what is shown: two of the four looks have all of both.
          if ((look.width === DESK.width) === (look.scheme === 'light'))
            assert.deepEqual(await seriousViolations(page), [], where);
        }
        for (const width of EXTREMES) {
          await resize(page, { ...DESK, width });
          assert.equal(await overflow(page), 0, `${width} px`);
        }
      });
    });
});
