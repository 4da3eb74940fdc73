import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build, type Metafile } from 'esbuild';

/** Names in the template, as if they were beside it, and the files of `src/page` that they stand for. */
const PARTS: Readonly<Record<string, string>> = {
  'main.js': 'src/page/main.tsx',
  'critical.css': 'src/page/critical.css',
  'page.css': 'src/page/page.css',
  'icon.svg': 'src/page/icon.svg',
};

/** Browsers of 2021 and later. */
const TARGET = ['chrome94', 'firefox93', 'safari15.4'];

/**
 * Makes the web page in `folder`: scripts, styles and the icon under names that hold the hash of their content, and `index.html`,
 * in which the server replaces `<!--verdict-->`. Beside each file are its compressed forms, `.br` and `.gz`.
 */
export async function bundlePage(folder: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: Object.values(PARTS),
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: TARGET,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    // Not for browsers: the package's copyright file is made from them.
    sourcemap: 'external',
    loader: { '.svg': 'copy' },
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    metafile: true,
    logLevel: 'warning',
  });
  const template = await readFile('src/page/index.html', 'utf8');
  const page = join(folder, 'index.html');
  await writeFile(page, withNames(template, metafile));
  const served = Object.keys(metafile.outputs).filter(file => !file.endsWith('.map'));
  for (const file of [...served, page]) await compress(file);
}

function withNames(template: string, { outputs }: Metafile): string {
  const made = new Map(
    Object.entries(outputs).map(([file, { entryPoint, inputs }]) => [
      entryPoint ?? Object.keys(inputs)[0],
      basename(file),
    ]),
  );
  const main = Object.values(outputs).find(({ entryPoint }) => entryPoint === PARTS['main.js']);
  const needed = (main?.imports ?? []).filter(({ kind }) => kind === 'import-statement');
  const preloads = needed.map(({ path }) => `<link rel="modulepreload" href="/${basename(path)}" />`);
  const whole = template.replace('<!--preloads-->', preloads.join(''));
  return Object.entries(PARTS).reduce((html, [name, source]) => {
    const file = made.get(source);
    if (file === undefined) throw new Error(`${source} was not made`);
    return html.replaceAll(`"${name}"`, `"/${file}"`);
  }, whole);
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes, { params }));
  await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
}
