import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { TEXT } from '../../../src/page/strings.js';
import { escaped, pageWith } from '../../../src/web/html.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { fileRecord } from '../../fakes/file-record.js';
import { bearer, LOCKED, serving, type Served } from './serving.js';

const SCRIPT = 'export const answer = 42;\n'.repeat(40);
const TEMPLATE = '<!doctype html><title>FileSync</title><main><!--verdict--></main>';

/** A page before a server. */
async function withPage(test: (served: Served) => Promise<void>, web?: object): Promise<void> {
  const folder = await temporaryFolder();
  try {
    const page = join(folder.path, 'page');
    await mkdir(join(page, 'sub'), { recursive: true });
    await Promise.all([
      writeFile(join(folder.path, 'secret.js'), 'secret'),
      writeFile(join(page, 'sub', 'inner.js'), 'inner'),
      writeFile(join(page, 'index.html'), TEMPLATE),
      writeFile(join(page, 'index.html.br'), brotliCompressSync(TEMPLATE)),
      writeFile(join(page, 'main-DP7AWIOI.js'), SCRIPT),
      writeFile(join(page, 'main-DP7AWIOI.js.br'), brotliCompressSync(SCRIPT)),
      writeFile(join(page, 'main-DP7AWIOI.js.gz'), gzipSync(SCRIPT)),
      writeFile(join(page, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ]);
    await serving({ page, ...(web && { web }) }, test);
  } finally {
    await folder.remove();
  }
}

/** The bytes as they come. */
async function bytesOf(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers, agent: false }, resolve).once('error', reject);
  });
  return { status: response.statusCode, headers: response.headers, bytes: await buffer(response) };
}

describe('a file of the page', () => {
  it('is sent as small as the client takes it, and kept for ever where its name has a hash', () =>
    withPage(async ({ port }) => {
      const path = '/main-DP7AWIOI.js';
      const plain = await bytesOf(port, path);
      assert.equal(plain.bytes.toString(), SCRIPT);
      assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
      assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
      assert.equal(plain.headers.vary, 'accept-encoding');
      const accepting = (encodings: string) => bytesOf(port, path, { 'accept-encoding': encodings });
      const br = await accepting('gzip, deflate, br');
      assert.equal(br.headers['content-encoding'], 'br');
      assert.equal(brotliDecompressSync(br.bytes).toString(), SCRIPT);
      const gzip = await accepting('br;q=0, gzip;q=0.5');
      assert.equal(gzip.headers['content-encoding'], 'gzip');
      assert.equal(gunzipSync(gzip.bytes).toString(), SCRIPT);
      for (const none of ['identity', 'br;q=0.000, gzip;q=0', '*;q=0', 'zstd'])
        assert.equal((await accepting(none)).headers['content-encoding'], undefined, none);
      assert.equal((await accepting('*')).headers['content-encoding'], 'br');
      const tags = new Set([plain, br, gzip].map(({ headers }) => headers.etag));
      assert.equal(tags.size, 3);
    }));

  it('is not sent again to who has it', () =>
    withPage(async ({ port }) => {
      const { headers, bytes } = await bytesOf(port, '/icon.svg');
      assert.equal(headers['cache-control'], 'no-cache');
      assert.equal(headers['content-type'], 'image/svg+xml');
      assert.ok(bytes.length > 0);
      for (const tag of [headers.etag ?? '', `"other", W/${headers.etag}`, '*']) {
        const again = await bytesOf(port, '/icon.svg', { 'if-none-match': tag });
        assert.deepEqual([again.status, again.bytes.length], [304, 0], tag);
      }
      const changed = await bytesOf(port, '/icon.svg', { 'if-none-match': '"other"' });
      assert.equal(changed.status, 200);
    }));

  it('is one of the folder, by its own name', () =>
    withPage(async ({ ask }) => {
      for (const path of [
        ...['/../secret.js', '/..%2fsecret.js', '/%2e%2e/secret.js', '/sub/inner.js', '/sub', '/./icon.svg'],
        ...[
          '/index.html',
          '/index.html.br',
          '/main-DP7AWIOI.js.br',
          '//icon.svg',
          '/constructor',
          '/__proto__',
        ],
      ])
        assert.equal((await ask(path)).status, 404, path);
    }));

  it('is there before anybody has logged in', () =>
    withPage(async ({ ask }) => {
      assert.equal((await ask('/main-DP7AWIOI.js')).status, 200);
      const { status, body } = await ask('/');
      assert.equal(status, 200);
      assert.ok(!body.includes('verdict'), body);
      const known = await ask('/', { headers: bearer('read') });
      assert.match(known.body, /<main><section class="verdict" data-code="SAFE"/);
      const metrics = await ask('/', { headers: bearer('metrics') });
      assert.ok(!metrics.body.includes('verdict'), metrics.body);
    }, LOCKED));
});

describe('the HTML of the page', () => {
  const HOSTILE = '<img src=x onerror=alert(1)>\'"&$&$`</section><script>';

  it('shows the verdict before any script runs, in the words of the page', () => {
    for (const code of ['SAFE', 'WAIT', 'ATTENTION'] as const) {
      const html = pageWith({ code, text: 'a file', seconds_left: 90 }, TEMPLATE);
      assert.ok(html.includes(`data-code="${code}" data-seconds="90"`), html);
      assert.ok(html.includes(`<h1 class="verdict-title">${TEXT.verdict.titles[code]}</h1>`), html);
      assert.ok(html.includes(`aria-label="${TEXT.verdict.label}"`), html);
      assert.ok(html.includes('<p class="verdict-text">a file</p>'), html);
    }
    assert.match(pageWith({ code: 'SAFE', text: '', seconds_left: null }), /data-seconds=""/);
  });

  it('names the buttons of the page in place of commands that do the same', () => {
    for (const [command, button] of Object.entries(TEXT.buttons)) {
      const html = pageWith({
        code: 'ATTENTION',
        text: `(\`${command}\` and \`toString\`)`,
        seconds_left: null,
      });
      assert.ok(html.includes(`(“${button}” and \`toString\`)`), html);
    }
  });

  it('names the time zone, as that of the reader is not known yet', () => {
    const text = 'a2026-05-03T12:01Z: archive offline since 2026-05-03T12:01Z (refused)';
    const html = pageWith({ code: 'WAIT', text, seconds_left: null });
    assert.ok(html.includes('a2026-05-03T12:01Z: archive offline since 12:01 UTC (refused)'), html);
  });

  it('takes names for what they are: text', () => {
    const html = pageWith({ code: 'WAIT', text: HOSTILE, seconds_left: null }, TEMPLATE);
    assert.ok(
      html.includes(
        '&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;$&amp;$`&lt;/section&gt;&lt;script&gt;',
      ),
      html,
    );
    assert.doesNotMatch(html, /<img|<script/);
    assert.equal(escaped('ü 日 —'), 'ü 日 —');
  });

  it('shows a file with a hostile name on the real way', () =>
    serving(
      {
        records: [
          fileRecord(1, {
            path: '<img src=x onerror=alert(1)>.ulg',
            targets: { ftp: { state: 'pending' } },
            copy: { state: 'none' },
          }),
        ],
        parts: {},
      },
      async ({ ask, api }) => {
        const status = await api.status();
        api.status = async () => ({ ...status, verdict: { ...status.verdict, text: HOSTILE } });
        const { body } = await ask('/');
        assert.match(body, /data-code="WAIT"/);
        assert.doesNotMatch(body, /<img|<script/);
        const files = await ask('/api/v1/files');
        assert.match(files.headers['content-type'] ?? '', /^application\/json$/);
      },
    ));

  it('works where the page was not built', () =>
    serving({}, async ({ ask }) => {
      const { body, headers } = await ask('/');
      assert.equal(headers['content-type'], 'text/html; charset=utf-8');
      assert.match(body, /<h1 class="verdict-title">You may switch it off<\/h1>/);
    }));
});
