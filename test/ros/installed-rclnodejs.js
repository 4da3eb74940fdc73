import process from 'node:process';

/** Module hook: the library as colcon has prepared it, instead of the bare one beside the sources. */
export async function resolve(specifier, context, next) {
  if (specifier !== 'rclnodejs') return next(specifier, context);
  return { url: process.env.FILESYNC_RCLNODEJS, shortCircuit: true };
}
