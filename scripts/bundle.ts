// Makes `dist` from `src`: one file for what every command needs, and one for each part that is loaded when it is needed.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundlePage } from './bundle/page.js';

/** Packages with native parts, or such that are only there where a user wants them: they stay outside. */
const OUTSIDE = ['rclnodejs', 'drivelist', 'serialport'];

/** Native parts that packages try to load and do without: those of ssh2, should this machine have built them. */
const NATIVE = ['*.node'];

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
  // Comments and blanks would stay in memory as long as the program runs, and take time to load; names and short lines stay, for
  // readable traces.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  sourcemap: true,
  legalComments: 'linked',
  // Some packages name their newer kind of module, of which parts can be left out, in a field that Node does not read.
  mainFields: ['module', 'main'],
  external: [...OUTSIDE, ...NATIVE],
  alias: {
    // For Node the package names its older kind of module, of which nothing can be left out.
    rxjs: fileURLToPath(import.meta.resolve('rxjs').replace('/dist/cjs/', '/dist/esm/')),
    // Of ftp-srv, which serves the demo.
    bunyan: fileURLToPath(new URL('bundle/no-bunyan.ts', import.meta.url)),
    ip: fileURLToPath(new URL('bundle/same-address.ts', import.meta.url)),
  },
  define: {
    __dirname: 'folderOfBundle',
    // It is pinned at a version that runs on Node 20: that later ones do not is no concern of users.
    'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED': '"true"',
  },
  // Packages of the older kind ask for Node's own modules by `require`, and for their folder by `__dirname`.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url), folderOfBundle = import.meta.dirname;",
  },
  logLevel: 'warning',
});
await bundlePage('dist/page');
