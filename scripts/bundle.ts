// Makes `dist` from `src`: one file for what every command needs, and one for each part that is loaded when it is needed.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Packages with native parts, or such that are only there where somebody wants them: they stay outside. */
const OUTSIDE = ['rclnodejs', 'drivelist', 'serialport', 'ftp-srv'];

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: '[name]-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node20.20',
  // Comments and blanks would stay in memory as long as the program runs; short lines keep traces readable.
  minifyWhitespace: true,
  lineLimit: 160,
  sourcemap: true,
  legalComments: 'linked',
  external: OUTSIDE,
  // For Node the package names its older kind of module, of which nothing can be left out.
  alias: { rxjs: fileURLToPath(import.meta.resolve('rxjs').replace('/dist/cjs/', '/dist/esm/')) },
  // Packages of the older kind ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
  },
  logLevel: 'warning',
});
