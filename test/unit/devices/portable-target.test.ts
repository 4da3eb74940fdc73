import assert from 'node:assert/strict';
import { webdav } from '../../../src/devices/webdav.js';
import { withPortableNames } from '../../../src/devices/portable-target.js';
import { failsWith, sample } from '../../conformance/support.js';
import { makeTarget } from '../../servers/device.js';
import { Events, never, outgoing } from '../../servers/outgoing.js';
import { scriptedDav, type DavQuirks } from '../../servers/scripted-dav.js';

/** A target on a server that refuses some PUTs, which are asked for by their path. */
async function onServer(
  refuse: (path: string) => number | undefined,
  work: (target: ReturnType<typeof withPortableNames>, log: readonly string[]) => Promise<void>,
): Promise<void> {
  const quirks: DavQuirks = { refuse: ({ method }, path) => (method === 'PUT' ? refuse(path) : undefined) };
  const server = await scriptedDav(quirks);
  const target = withPortableNames(await makeTarget(webdav, { url: server.url }), 'cloud');
  try {
    await work(target, server.log);
  } finally {
    await target.close();
    server.close();
  }
}

const NAME = '12:30.mcap';

describe('a target that learns which names it cannot hold', () => {
  const write = (target: ReturnType<typeof withPortableNames>, path: string) =>
    target.write(outgoing(sample(100)), path, 0, never, new Events());

  it('asks for a portable name once the server has refused one, and takes a plain one', () =>
    onServer(
      path => (path.includes(':') ? 500 : undefined),
      async (target, log) => {
        assert.equal(await target.names?.(NAME, never), 'as-is');
        const error = await failsWith(() => write(target, NAME), 'bad-name');
        assert.equal(error.temporary, true);
        assert.match(error.message, /500.*it is sent as 12%3A30\.mcap$/);
        assert.equal(await target.names?.(NAME, never), 'portable');
        assert.equal(await target.names?.('12%3A30.mcap', never), 'portable');
        assert.equal(await target.names?.('why?', never), 'as-is');
        const left = log.filter(line => line.includes('filesync-probe') && line.startsWith('DELETE'));
        assert.deepEqual(left.length, 1);
      },
    ));

  for (const [status, kind] of [
    [403, 'denied'],
    [500, 'busy'],
    [507, 'no-space'],
  ] as const) {
    it(`does not blame the name where the server refuses every file with ${status}`, () =>
      onServer(
        () => status,
        async target => {
          const { message } = await failsWith(() => write(target, NAME), kind);
          assert.doesNotMatch(message, /it is sent as/);
          assert.equal(await target.names?.(NAME, never), 'as-is');
        },
      ));
  }

  it('makes no trial for a name that any target can hold', () =>
    onServer(
      path => (path.includes('plain') ? 500 : undefined),
      async (target, log) => {
        await failsWith(() => write(target, 'plain.mcap'), 'busy');
        assert.ok(!log.some(line => line.includes('filesync-probe')));
      },
    ));
});
