import assert from 'node:assert/strict';
import { serverWords } from '../../../src/devices/server-words.js';

describe('serverWords', () => {
  it('makes one line of text of a page', () => {
    const page = '<html><style>b { color: red }</style>\r\n<h1>413</h1>\n\t<p>Too  Large\x07</p></html>';
    assert.equal(serverWords(page), '413 Too Large');
  });

  it('cuts a text that is too long', () => {
    const words = serverWords('x'.repeat(1000));
    assert.equal(words.length, 200);
    assert.ok(words.endsWith('…'));
  });

  it('masks every secret, however often, before it cuts', () => {
    const words = serverWords(`${'x'.repeat(190)} s3cr3t-t0k3n s3cr3t-t0k3n`, ['', 's3cr3t-t0k3n']);
    assert.equal(words, `${'x'.repeat(190)} *** ***`);
  });
});
