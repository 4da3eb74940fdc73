import { Worker } from 'node:worker_threads';

/** ms without a sign of life after which the process is killed. */
const MAX_SILENCE_MS = 180_000;

/** Calls of `beat`. */
const beats = new Int32Array(new SharedArrayBuffer(4));
let watchdog: Worker | undefined;

/** A parser that never returns blocks the event loop, and with it every timer: another thread has to notice. */
export function watchNow(): void {
  const program = `
    const { workerData: { beats, ms } } = require('node:worker_threads');
    let last;
    setInterval(() => {
      const now = Atomics.load(beats, 0);
      if (now === last) {
        require('node:fs').writeSync(2, 'the parser under test does not return: the test process is killed\\n');
        process.kill(process.pid, 'SIGKILL');
      }
      last = now;
    }, ms);`;
  watchdog = new Worker(program, { eval: true, workerData: { beats, ms: MAX_SILENCE_MS } });
  watchdog.unref();
}

export async function endWatch(): Promise<void> {
  await watchdog?.terminate();
}

/** A call has ended, and another one begins. */
export function beat(): void {
  Atomics.add(beats, 0, 1);
}
