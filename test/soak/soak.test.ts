import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

describe('Days of work', () => {
  const runs = process.env['FILESYNC_SOAK_MS'] !== undefined;
  const title = 'lose no file, and leave no memory, timer, handle or thread behind';

  it(runs ? title : `${title} (npm run test:soak): skipped, it takes minutes`, async function () {
    if (!runs) this.skip();
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
