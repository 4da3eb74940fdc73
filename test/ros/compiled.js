import { register } from 'node:module';
import process from 'node:process';
import { URL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

// For `--import`, after tsx: tests get the program as it is installed instead of its sources, which tsx makes slower than they are.

if (isMainThread) register(import.meta.url);

const DIST = '../../../dist/';

export async function resolve(specifier, context, next) {
  const [, module] = /^\.\.\/\.\.\/src\/(.+)$/.exec(specifier) ?? [];
  if (module === undefined) return next(specifier, context);
  const { href } = new URL(DIST + module, process.env.FILESYNC_RCLNODEJS);
  return { url: href, shortCircuit: true };
}
