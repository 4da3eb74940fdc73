import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

describe('Days of work', () => {
  it('lose no file, and leave no memory, timer, handle or thread behind', async function () {
    this.timeout(0);
    const program = fileURLToPath(new URL('run.ts', import.meta.url));
    const child = spawn(process.execPath, ['--expose-gc', '--import=tsx/esm', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout
      .setEncoding('utf8')
      .on('data', (text: string) => process.stdout.write(text.replace(/^/gm, '      ')));
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 0);
  });
});
