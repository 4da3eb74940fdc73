import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { webdav } from '../../src/devices/webdav.js';
import type { ErrorKind } from '../../src/errors.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { davOptions, davSourceBench } from '../servers/dav-bench.js';
import { startDavServer } from '../servers/dav-servers.js';
import { makeSource, makeTarget } from '../servers/device.js';
import { Events, never, outgoing } from '../servers/outgoing.js';
import { failsWith, listed, listedWithError, sample } from './support.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server with these answers. */
async function withServer(answer: Answer, work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/dav`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const entry = (href: string, type = '', size = '<getcontentlength>5</getcontentlength>'): string =>
  `<response><href>${href}</href><propstat><prop><resourcetype>${type}</resourcetype>${size}</prop>` +
  '<status>HTTP/1.1 200 OK</status></propstat></response>';

const listing =
  (...hrefs: string[]): Answer =>
  (_request, response) => {
    const entries = [entry('/dav/', '<collection/>'), ...hrefs.map(href => entry(href))];
    response
      .writeHead(207)
      .end(`<?xml version="1.0"?><multistatus xmlns="DAV:">${entries.join('')}</multistatus>`);
  };

const listThrough = (answer: Answer, work: (list: () => Promise<string[]>) => Promise<void>): Promise<void> =>
  withServer(answer, async url => {
    const source = await makeSource(webdav, { url });
    await work(async () => (await listed(source)).map(({ path }) => path));
    await source.close();
  });

describe('webdav: what a server lists', () => {
  it('may be escaped in any way, and have the host of the server', () =>
    listThrough(listing('/dav/%61b', '/dav/c&amp;d', 'http://127.0.0.1/dav/1e5', '/dav/%ff'), async list => {
      assert.deepEqual(new Set(await list()), new Set(['ab', 'c&d', '1e5', '\udcff']));
    }));

  const hostile = [
    '/dav/../etc/passwd',
    '/dav/%2e%2e/x',
    '/dav/..%2fx',
    '/dav/a%2Fb',
    '/dav/a%00b',
    '/dav/a%zz',
    '/dav/a?b',
    '/other/x',
    '/dav/a/b',
    'http://evil.test/dav/x',
    '//evil.test/dav/x',
    'http://127.0.0.1@evil.test/dav/x',
    'file:///dav/x',
    'x',
    '',
  ];
  for (const href of hostile) {
    it(`lacks ${JSON.stringify(href)} alone, which is reported once, and is incomplete`, async () => {
      const logger = new RecordingLogger();
      await withServer(listing('/dav/good', href), async url => {
        const source = await makeSource(webdav, { url }, { logger });
        for (let round = 0; round < 2; round++) {
          const { files, error } = await listedWithError(source);
          assert.deepEqual(
            files.map(({ path }) => path),
            ['good'],
          );
          assert.equal(error?.kind, 'denied');
        }
        await source.close();
      });
      assert.equal(logger.messages('warn').length, 1);
    });
  }

  const odd: [what: string, response: string][] = [
    ['a size of -2', entry('/dav/odd', '', '<getcontentlength>-2</getcontentlength>')],
    ['no size', entry('/dav/odd', '', '')],
    [
      'properties with the status 500',
      '<response><href>/dav/odd</href><propstat><prop><getcontentlength/></prop><status>HTTP/1.1 500 no</status></propstat></response>',
    ],
    ['the status 403', '<response><href>/dav/odd</href><status>HTTP/1.1 403 Forbidden</status></response>'],
    ['a name that is not escaped', entry('/dav/odd #:?3.ulg')],
  ];
  for (const [what, response] of odd) {
    it(`lacks an entry with ${what} alone`, () =>
      withServer(
        (_request, answer) =>
          void answer
            .writeHead(207)
            .end(
              `<d:multistatus xmlns:d="DAV:">${entry('/dav/', '<collection/>')}${response}${entry('/dav/good')}</d:multistatus>`,
            ),
        async url => {
          const source = await makeSource(webdav, { url });
          const { files, error } = await listedWithError(source);
          await source.close();
          assert.deepEqual(
            files.map(({ path }) => path),
            ['good'],
          );
          assert.match(error?.message ?? '', /\/dav\/odd/);
        },
      ));
  }

  it('takes properties from every group with the status 200', () =>
    listThrough(
      (_request, answer) => {
        const group = (prop: string, status: string) =>
          `<D:propstat><D:prop>${prop}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`;
        const file =
          group('<x:more xmlns:x="x"/>', '404 Not Found') +
          group('<D:getcontentlength>7</D:getcontentlength>', '200 OK') +
          group('<D:resourcetype/>', '200 OK');
        const folder = group('<D:resourcetype><D:collection/></D:resourcetype>', '200 OK');
        answer
          .writeHead(207)
          .end(
            `\n<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/</D:href>${folder}</D:response><D:response><D:href><![CDATA[/dav/a&b]]></D:href>${file}</D:response></D:multistatus>`,
          );
      },
      async list => assert.deepEqual(await list(), ['a&b']),
    ));

  it('is an error when it ends early, or is no XML', async () => {
    for (const body of [
      `<multistatus>${entry('/dav/', '<collection/>')}`,
      `<multistatus>${entry('/dav/a')}</other>`,
      '<html></html>',
      'nonsense',
      '',
      `<!DOCTYPE x [<!ENTITY a "aaaa">]><multistatus>${entry('/dav/&a;')}</multistatus>`,
      `<multistatus><response>${'<href>'.repeat(100_000)}`,
    ]) {
      await listThrough(
        (_, response) => void response.writeHead(207).end(body),
        async list => void (await failsWith(list, 'protocol')),
      );
    }
  });

  it('is not read beyond max_files', () =>
    withServer(listing('/dav/a', '/dav/b', '/dav/c'), async url => {
      const source = await makeSource(webdav, { url, max_files: 2 });
      assert.match(
        (await failsWith(() => listed(source), 'protocol')).message,
        /more than 2 files: raise max_files/,
      );
      await source.close();
    }));

  for (const status of [401, 403]) {
    it(`one folder that is refused with ${status} does not hide the others`, () =>
      withServer(
        ({ url = '' }, response) => {
          if (url.startsWith('/dav/closed')) return void response.writeHead(status).end();
          const entries =
            url === '/dav/'
              ? [
                  entry('/dav/', '<collection/>'),
                  entry('/dav/closed/', '<collection/>'),
                  entry('/dav/open/', '<collection/>'),
                ]
              : [entry('/dav/open/', '<collection/>'), entry('/dav/open/a.ulg')];
          response.writeHead(207).end(`<multistatus xmlns="DAV:">${entries.join('')}</multistatus>`);
        },
        async url => {
          const source = await makeSource(webdav, { url });
          const { files, error } = await listedWithError(source);
          await source.close();
          assert.deepEqual(
            files.map(({ path }) => path),
            ['open/a.ulg'],
          );
          assert.match(error?.message ?? '', /\/closed is not listed/);
        },
      ));
  }

  for (const [what, spell] of [
    ['in another Unicode form', (path: string) => path.normalize('NFD')],
    ['in another case', (path: string) => path.replace('/dav', '/Dav')],
  ] as const) {
    it(`may spell the root ${what}`, () =>
      withServer(
        (request, response) => {
          const asked = decodeURIComponent(request.url ?? '');
          const at = (path: string) => encodeURI(spell(path));
          const entries =
            asked === '/dav/Flüge/'
              ? [entry(at('/dav/Flüge/'), '<collection/>'), entry(at('/dav/Flüge/März/'), '<collection/>')]
              : [entry(at('/dav/Flüge/März/'), '<collection/>'), entry(at('/dav/Flüge/März/a.ulg'))];
          response.writeHead(207).end(`<multistatus xmlns="DAV:">${entries.join('')}</multistatus>`);
        },
        async url => {
          const source = await makeSource(webdav, { url: `${url}/Fl%C3%BCge` });
          const found = (await listed(source)).map(({ path }) => path.normalize('NFC'));
          await source.close();
          assert.deepEqual(found, ['März/a.ulg']);
        },
      ));
  }

  it('is refused if it is a web page', async () => {
    await listThrough(
      (_, response) => void response.end('<html>log in</html>'),
      async list => {
        assert.match((await failsWith(list, 'protocol')).message, /does not speak WebDAV/);
      },
    );
  });
});

describe('webdav: the space that a server reports', () => {
  const quota =
    (props: string, status = '200 OK'): Answer =>
    (_request, response) => {
      const propstat = `<d:propstat><d:prop>${props}</d:prop><d:status>HTTP/1.1 ${status}</d:status></d:propstat>`;
      const body = `<d:response><d:href>/dav/</d:href>${propstat}</d:response>`;
      response.writeHead(207).end(`<d:multistatus xmlns:d="DAV:">${body}</d:multistatus>`);
    };
  const properties = (available: string, used: string): string =>
    `<d:quota-available-bytes>${available}</d:quota-available-bytes><d:quota-used-bytes>${used}</d:quota-used-bytes>`;

  const ask = (answer: Answer, work: (space: () => Promise<unknown>) => Promise<void>): Promise<void> =>
    withServer(answer, async url => {
      const source = await makeSource(webdav, { url });
      await work(async () => source.space?.(never));
      await source.close();
    });

  it('is what is available, of that and what is used', () =>
    ask(quota(properties('5000000000000', '1000')), async space => {
      assert.deepEqual(await space(), { free: 5_000_000_000_000, total: 5_000_000_001_000 });
    }));

  it('is none if the quota is used up', () =>
    ask(quota(properties('0', '1000')), async space => {
      assert.deepEqual(await space(), { free: 0, total: 1000 });
    }));

  const silent: [string, Answer][] = [
    ['does not know of it', quota(properties('', ''), '404 Not Found')],
    ['has no limit (Nextcloud)', quota(properties('-3', '1000'))],
    ['leaves it out', quota('')],
  ];
  for (const [what, answer] of silent) {
    it(`is unsupported if the server ${what}`, () =>
      ask(answer, async space => {
        assert.match((await failsWith(space, 'unsupported')).message, /does not report its free space/);
      }));
  }

  it('is requested for the folder, which may be missing, or no folder of WebDAV', async () => {
    const missing: Answer = (_, response) => void response.writeHead(404).end();
    await ask(missing, async space => void (await failsWith(space, 'unavailable')));
    const page: Answer = (_, response) => void response.end('<html>log in</html>');
    await ask(page, async space => void (await failsWith(space, 'protocol')));
  });
});

describe('webdav: what a server refuses', () => {
  const answers: [status: number, kind: ErrorKind, remedy: RegExp][] = [
    [301, 'protocol', /set url to that one/],
    [401, 'denied', /check user and password/],
    [403, 'denied', /give the user the right/],
    [405, 'protocol', /check that url/],
    [409, 'io', /folder/],
    [413, 'too-large', /client_max_body_size/],
    [423, 'busy', /locked/],
    [429, 'busy', /too many requests/],
    [500, 'busy', /cannot serve now/],
    [503, 'busy', /cannot serve now/],
    [507, 'no-space', /free space there/],
  ];
  for (const [status, kind, remedy] of answers) {
    it(`takes ${status} to an upload for ${kind}, with a remedy and without the password`, () => {
      const refusing: Answer = ({ method }, response) => {
        if (method === 'PROPFIND') listing()({} as IncomingMessage, response);
        else response.writeHead(status, { 'retry-after': '7' }).end('<p>no, hunter2</p>');
      };
      const asking: Answer = (request, response) => {
        const path = request.url ?? '';
        if (!request.headers.authorization && path.endsWith('.ulg'))
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        else if (request.method === 'PROPFIND' && path.endsWith('.ulg')) response.writeHead(404).end();
        else refusing(request, response);
      };
      return withServer(asking, async url => {
        const target = await makeTarget(webdav, { url, user: 'u', password: 'hunter2' });
        const error = await failsWith(
          () => target.write(outgoing(sample(10)), 'a.ulg', 0, never, new Events()),
          kind,
        );
        await target.close();
        assert.match(error.message, remedy);
        assert.doesNotMatch(error.message, /hunter2/);
        assert.equal(error.retryAfterMs, 7000);
      });
    });
  }

  for (const status of [405, 501]) {
    it(`a server that knows no MOVE (${status}) cannot rename files`, () => {
      const answer: Answer = ({ method, url = '' }, response) => {
        if (method === 'MOVE') response.writeHead(status).end('no');
        else if (method === 'PUT') response.writeHead(201).end();
        else if (url.endsWith('.ulg')) response.writeHead(404).end();
        else response.writeHead(207).end(`<multistatus>${entry(url)}</multistatus>`);
      };
      return withServer(answer, async url => {
        const target = await makeTarget(webdav, { url });
        const send = () => target.write(outgoing(sample(5)), 'a.ulg', 0, never, new Events());
        assert.match((await failsWith(send, 'unsupported')).message, /cannot rename.*MOVE.*dav_methods/);
        await target.close();
      });
    });
  }

  it('does not send the password before a challenge, nor to another host', async () => {
    const seen: (string | undefined)[] = [];
    const moving: Answer = ({ headers }, response) => {
      seen.push(headers.authorization);
      response.writeHead(302, { location: 'http://evil.test/' }).end();
    };
    await withServer(moving, async url => {
      const source = await makeSource(webdav, { url, user: 'u', password: 'p' });
      await failsWith(() => listed(source), 'protocol');
      await source.close();
    });
    assert.deepEqual(seen, [undefined]);
  });
});

describe('webdav on real servers', () => {
  for (const kind of ['nginx', 'apache'] as const) {
    it(`${kind}: a wrong password is denied, a file too large is refused with a remedy, and a restart is survived`, async () => {
      const server = await startDavServer(kind, { maxBody: 100_000 });
      const target = await makeTarget(webdav, davOptions(server));
      const intruder = await makeTarget(webdav, { ...davOptions(server), password: 'wrong' });
      const send = (size: number) =>
        target.write(outgoing(sample(size)), `${size}.ulg`, 0, never, new Events());
      try {
        await failsWith(() => intruder.stat('a', 'token', never), 'denied');
        await send(1000);
        assert.match((await failsWith(() => send(200_000), 'too-large')).message, /413/);
        await server.kill();
        await failsWith(() => send(2000), 'unavailable');
        await server.restart();
        await send(2000);
        assert.equal((await target.stat('2000.ulg', 'token', never)).size, 2000);
      } finally {
        await target.close();
        await intruder.close();
        await server.stop();
      }
    });
  }

  for (const kind of ['nginx', 'apache'] as const) {
    it(`${kind}: a target's folder is made, with those above it`, async () => {
      const server = await startDavServer(kind);
      const options = davOptions(server);
      const target = await makeTarget(webdav, { ...options, url: `${options.url}/this year/in/all` });
      try {
        await target.write(outgoing(sample(1000)), 'day/a.ulg', 0, never, new Events());
        assert.equal((await target.stat('day/a.ulg', 'token', never)).size, 1000);
      } finally {
        await target.close();
        await server.stop();
      }
    });
  }

  for (const auth of ['basic', 'digest'] as const) {
    it(`logs requests at the level debug, without the password (${auth})`, async () => {
      const server = await startDavServer('apache', { auth });
      const logger = new RecordingLogger();
      const target = await makeTarget(webdav, davOptions(server), { logger });
      try {
        await target.write(outgoing(sample(1000)), 'a b.ulg', 0, never, new Events());
      } finally {
        await target.close();
        await server.stop();
      }
      const lines = logger.messages('debug');
      const requests = lines.map(line => line.replace(server.url, '').replace(/, \d+ ms$/, ''));
      assert.deepEqual(requests.slice(0, 2), ['PROPFIND /a%20b.ulg: 401', 'PROPFIND /a%20b.ulg: 404']);
      assert.ok(requests.some(line => /^PUT \/a%20b\.ulg\.\w+\.part: 201$/.test(line)));
      assert.ok(requests.some(line => /^MOVE \/a%20b\.ulg\.\w+\.part: 201$/.test(line)));
      const login = Buffer.from(`${server.user}:${server.password}`).toString('base64');
      for (const secret of [server.password, encodeURIComponent(server.password), login])
        assert.ok(!lines.some(line => line.includes(secret)));
    });
  }

  for (const kind of ['nginx', 'apache'] as const) {
    it(`${kind}: reports no free space, with an error`, async () => {
      const server = await startDavServer(kind);
      const source = await makeSource(webdav, davOptions(server));
      try {
        await failsWith(async () => source.space?.(never), 'unsupported');
      } finally {
        await source.close();
        await server.stop();
      }
    });
  }

  it('a file that has just changed can be deleted, also while its ETag is weak', async () => {
    const server = await startDavServer('apache');
    const bench = await davSourceBench(server);
    try {
      // The fault shows only if a second ends between the change and the deletion.
      await delay(1950 - (Date.now() % 1000));
      await bench.put('log.ulg', sample(500));
      const [file] = await listed(bench.source);
      await delay(100);
      await bench.source.remove(file!, never);
      assert.deepEqual(await listed(bench.source), []);
    } finally {
      await bench.close();
      await server.stop();
    }
  });

  it('a certificate of an unknown authority is refused, with a remedy', async () => {
    const server = await startDavServer('nginx', { tls: true });
    const { tls_ca: _, ...options } = davOptions(server);
    const source = await makeSource(webdav, options);
    try {
      assert.match(
        (await failsWith(() => listed(source), 'unavailable')).message,
        /unknown authority.*tls_ca/,
      );
    } finally {
      await source.close();
      await server.stop();
    }
  });
});

describe('webdav: a program that was killed while it tried names', () => {
  for (const kind of ['nginx', 'apache'] as const)
    it(`leaves nothing on ${kind} once its file has arrived`, async () => {
      const server = await startDavServer(kind);
      const file = outgoing(sample(10));
      const trial = join(server.folder, `trial.${file.token}.part`);
      await writeFile(trial, 'F');
      await chmod(trial, 0o666);
      const target = await makeTarget(webdav, davOptions(server));
      await target.write(file, 'a.ulg', 0, never, new Events());
      await target.close();
      assert.deepEqual(await readdir(server.folder), ['a.ulg']);
      await server.stop();
    });
});
