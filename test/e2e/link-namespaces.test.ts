import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { eventually, sample } from '../conformance/support.js';
import { MAIN, Place } from './program.js';

const run = promisify(execFile);
const ip = (...words: string[]) => run('ip', words);

/** The server, reached through either interface. */
const SERVER = '10.77.0.1';
const LINKS = [
  { name: 'wlan7', peer: 'site1', network: '10.77.1', metric: '10' },
  { name: 'wwan7', peer: 'site2', network: '10.77.2', metric: '20' },
] as const;

/** Answers each upload, and writes down how many bytes came and how many files were whole. */
const RECEIVER = `
const { renameSync, writeFileSync } = require('node:fs');
let [bytes, done] = [0, 0];
const [file] = process.argv.slice(1);
const say = () => {
  writeFileSync(file + '.new', JSON.stringify({ bytes, done }));
  renameSync(file + '.new', file);
};
require('node:http').createServer((request, response) => {
  request.on('error', () => {}).on('data', data => { bytes += data.length; say(); });
  request.on('end', () => { if (request.method === 'POST') done++; say(); response.end('stored'); });
}).listen(8080, '${SERVER}', say);
`;

/** Two network namespaces, joined by two pairs of interfaces: one of a vehicle, and one of a site with a server. */
class Networks {
  readonly vehicle = `fs${process.pid}vehicle`;
  readonly #site = `fs${process.pid}site`;
  readonly #place: Place;

  private constructor(place: Place) {
    this.#place = place;
  }

  static async make(place: Place): Promise<Networks> {
    const networks = new Networks(place);
    place.use(networks);
    await networks.#connect();
    await networks.#serve();
    return networks;
  }

  async #connect(): Promise<void> {
    const { vehicle } = this;
    const site = this.#site;
    for (const name of [vehicle, site]) {
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    await ip('-n', site, 'address', 'add', `${SERVER}/32`, 'dev', 'lo');
    for (const { name, peer, network } of LINKS) {
      await ip('link', 'add', name, 'netns', vehicle, 'type', 'veth', 'peer', 'name', peer, 'netns', site);
      await ip('-n', vehicle, 'address', 'add', `${network}.2/24`, 'dev', name);
      await ip('-n', site, 'address', 'add', `${network}.1/24`, 'dev', peer);
      await ip('-n', site, 'link', 'set', peer, 'up');
    }
    for (const { name } of LINKS) await this.up(name);
  }

  async #serve(): Promise<void> {
    const said = this.#place.path('received.json');
    const server = spawn('ip', ['netns', 'exec', this.#site, process.execPath, '-e', RECEIVER, said]);
    const close = async () => {
      const ended = once(server, 'close');
      server.kill('SIGKILL');
      await ended;
    };
    this.#place.use({ close });
    await eventually(() =>
      access(said).then(
        () => true,
        () => false,
      ),
    );
  }

  async up(name: string): Promise<void> {
    const { network, metric } = LINKS.find(link => link.name === name) ?? LINKS[0];
    await ip('-n', this.vehicle, 'link', 'set', name, 'up');
    await ip(
      '-n',
      this.vehicle,
      'route',
      'replace',
      SERVER,
      'via',
      `${network}.1`,
      'dev',
      name,
      'metric',
      metric,
    );
  }

  /** The kernel drops its routes. */
  async down(name: string): Promise<void> {
    await ip('-n', this.vehicle, 'link', 'set', name, 'down');
  }

  async close(): Promise<void> {
    for (const name of [this.vehicle, this.#site]) await ip('netns', 'delete', name).catch(() => undefined);
  }
}

async function whyNoNamespaces(): Promise<string | undefined> {
  const name = `fs${process.pid}probe`;
  return ip('netns', 'add', name)
    .then(() => ip('netns', 'delete', name))
    .then(
      () => undefined,
      () => 'needs the right to make network namespaces (ip netns add)',
    );
}

describe('limits of a link, between real network interfaces', function () {
  this.timeout(120_000);

  before(async function () {
    const reason = await whyNoNamespaces();
    if (reason === undefined) return;
    this.test?.parent?.tests.forEach(test => (test.title += ` (${reason})`));
    this.skip();
  });

  it('files go over the interface that is named, and wait while the route leads through another one', () =>
    Place.with(async place => {
      const networks = await Networks.make(place);
      await mkdir(place.path('inbox'));
      const site = { type: 'http', url: `http://${SERVER}:8080/`, over: ['wlan7'], max_rate: '500kB/s' };
      const config = await place.configure({
        interval: '200ms',
        devices: { inbox: { type: 'directory', path: './inbox' }, site },
        rules: [{ from: 'inbox', to: ['site'], settle: 0 }],
      });
      const received = async () =>
        JSON.parse(await readFile(place.path('received.json'), 'utf8')) as { bytes: number; done: number };
      const args = ['netns', 'exec', networks.vehicle, process.execPath, MAIN, 'run', '-c', config];
      const daemon = spawn('ip', args, { cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [daemon.stdout, daemon.stderr])
        stream.on('data', (data: Buffer) => (output += data.toString()));
      const ended = once(daemon, 'close');
      try {
        await writeFile(place.path('inbox/first.bin'), sample(1000));
        await eventually(async () => (await received()).done === 1);
        await writeFile(place.path('inbox/long.bin'), sample(6_000_000));
        await eventually(async () => (await received()).bytes > 300_000);
        await networks.down('wlan7');
        await eventually(async () => output.includes('reached through wwan7, and `over` allows wlan7 alone'));
        const { bytes, done } = await received();
        assert.equal(done, 1);
        await networks.up('wlan7');
        await eventually(async () => (await received()).bytes > bytes);
        await networks.down('wwan7');
        await eventually(async () => (await received()).done === 2);
      } finally {
        daemon.kill('SIGKILL');
        await ended;
      }
    }));
});
