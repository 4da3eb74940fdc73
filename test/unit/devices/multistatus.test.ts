import assert from 'node:assert/strict';
import { readMultistatus } from '../../../src/devices/webdav/multistatus.js';

const FILE = '<D:getcontentlength>5</D:getcontentlength><D:resourcetype/>';
const FOLDER = '<D:resourcetype><D:collection/></D:resourcetype>';

/** `file a/x 5`, `folder a/x`, or why it is not listed. */
async function told(href: string, properties: string, status = 'HTTP/1.1 200 OK'): Promise<string> {
  const propstat = `<D:propstat><D:prop>${properties}</D:prop><D:status>${status}</D:status></D:propstat>`;
  const text = `<D:multistatus xmlns:D="DAV:"><D:response><D:href>${href}</D:href>${propstat}</D:response></D:multistatus>`;
  async function* chunks() {
    yield text;
  }
  for await (const entry of readMultistatus(chunks(), new URL('http://host/a/'))) {
    if ('why' in entry) return entry.why;
    return entry.folder ? `folder ${entry.names.join('/')}` : `file ${entry.names.join('/')} ${entry.size}`;
  }
  return 'nothing';
}

describe('an entry of a WebDAV listing', () => {
  for (const [href, properties, status, expected] of [
    ['/a/x.ulg', FILE, 'HTTP/1.1 200 OK', /^file a\/x\.ulg 5$/],
    ['/a/x.ulg', FILE, 'HTTP/2 200', /^file a\/x\.ulg 5$/],
    ['/a/x.ulg', FILE, 'http/1.1 200 ok', /^file a\/x\.ulg 5$/],
    ['/a/x', FOLDER, 'HTTP/1.1 200 OK', /^folder a\/x$/],
    ['/a/x/', FILE, 'HTTP/1.1 200 OK', /"\/a\/x\/" is not listed: .* does not say that it is a folder/],
    ['/a/x.ulg', FILE, 'HTTP/1.1 500 no', /"\/a\/x\.ulg" is not listed: .*HTTP\/1\.1 500 no/],
  ] as const)
    it(`${href} with ${status} is ${expected.source}`, async () =>
      assert.match(await told(href, properties, status), expected));
});
