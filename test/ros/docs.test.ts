import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { replacePart } from '../../scripts/options-reference.js';
import { FileState } from '../../src/ports.js';
import type { MessageType, ParameterSpec, ParameterValue, Qos, ServiceType } from '../../src/ros/graph.js';
import { declareConfig } from '../../src/ros/node.js';
import { readInterfaces, rosReference } from '../../scripts/ros-reference.js';
import { eventually } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import { MemoryGraph } from '../fakes/memory-graph.js';
import { makeNodeBench } from './node-bench.js';
import { requireRos, type Ros, type RosProgram } from './real.js';

const at = (path: string) => new URL(`../../${path}`, import.meta.url);
const document = () => readFile(at('docs/ROS.md'), 'utf8');

/** The cells of every table row that begins with a name in code. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter(line => line.startsWith('| `'));
  return lines.map(line => line.slice(2, -2).split(' | '));
}

/** The text below a heading of the second level. */
async function section(title: string): Promise<string> {
  const [, after] = (await document()).split(`\n## ${title}\n`);
  assert.ok(after !== undefined, `there is a section ${title}`);
  return after.split('\n## ')[0] ?? '';
}

/** Writes down what a node offers, as rows of the document's tables without their last column. */
class RecordingGraph extends MemoryGraph {
  readonly topics: string[][] = [];
  readonly services: string[][] = [];
  readonly parameters: string[][] = [];

  override advertise<M extends object>(type: MessageType<M>, topic: string, qos: Qos) {
    const words = [qos.reliability, qos.durability].map(word => word.replace('-', ' '));
    this.topics.push([code(topic), code(type.name), ...words, String(qos.depth)]);
    return super.advertise(type, topic, qos);
  }

  override serve<Q extends object, A extends object>(
    type: ServiceType<Q, A>,
    name: string,
    handler: (request: Q) => A | Promise<A>,
  ) {
    this.services.push([code(name), code(type.name)]);
    return super.serve(type, name, handler);
  }

  override declare<T extends ParameterValue>(spec: ParameterSpec<T>): T {
    const shown = typeof spec.initial === 'number' ? ['double', code('0.0')] : ['string', code("''")];
    this.parameters.push([code(spec.name), ...shown, spec.readOnly ? 'no' : 'yes, at once']);
    return super.declare(spec);
  }
}

const code = (text: string) => `\`${text}\``;

describe('docs/ROS.md', () => {
  it('has the messages and services as they are now (npm run docs)', async () => {
    const text = await document();
    const messages = rosReference(await readInterfaces(at('msg/')));
    const services = rosReference(await readInterfaces(at('srv/')));
    assert.equal(text, replacePart(replacePart(text, 'messages', messages), 'services', services));
  });

  it('describes every constant and field', async () => {
    const all = [...(await readInterfaces(at('msg/'))), ...(await readInterfaces(at('srv/')))];
    const fields = all.flatMap(({ name, sections }) =>
      sections.flatMap(one => one.fields.map(field => ({ of: name, ...field }))),
    );
    assert.ok(fields.length > 80, `${fields.length} were read`);
    assert.deepEqual(
      fields.filter(({ comment }) => comment === ''),
      [],
    );
    assert.ok(all.every(({ sections }) => sections[0]?.comment));
  });

  it('has the states with their numbers', async () => {
    const [states] = (await readInterfaces(at('msg/'))).filter(
      ({ name }) => name === 'filesync/msg/FileState',
    );
    const constants = states?.sections[0]?.fields.filter(({ value }) => value !== undefined) ?? [];
    const numbers = Object.fromEntries(constants.map(({ name, value }) => [name, Number(value)]));
    assert.deepEqual(numbers, { ...FileState });
  });

  it('names the topics with their QoS, the services and the parameters that the node has', async () => {
    const graph = new RecordingGraph();
    declareConfig(graph);
    const bench = await makeNodeBench({ graph });
    await bench.close();
    const facts = async (title: string, count: number) =>
      rows(await section(title)).map(cells => cells.slice(0, count));
    assert.deepEqual(await facts('Topics', 5), graph.topics);
    assert.deepEqual(await facts('Services', 2), graph.services);
    assert.deepEqual(await facts('Parameters', 4), graph.parameters);
  });
});

describe('docs/ROS.md on a real ROS 2', function () {
  this.timeout(300_000);
  let ros: Ros;

  before(async function () {
    ros = await requireRos(this, 42);
  });

  after(() => ros?.close());

  /** The code blocks of a section in one language. */
  async function blocks(title: string, language: string): Promise<string[]> {
    const found = (await section(title)).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'));
    return [...found].map(([, block = '']) => block);
  }

  /** A node with one delivered file and one that is only listed, and their ids. */
  async function started(place: Place): Promise<{ delivered: string; skipped: string }> {
    for (const folder of ['inbox', 'out']) await mkdir(place.path(folder));
    await writeFile(place.path('inbox/flight.ulg'), 'the bytes of a log');
    await writeFile(place.path('inbox/film.mov'), 'the bytes of a film');
    const devices = {
      inbox: { type: 'directory', path: './inbox' },
      out: { type: 'directory', path: './out' },
    };
    const rule = { from: 'inbox', to: ['out'], settle: 0 };
    const rules = [
      { ...rule, include: ['*.ulg'] },
      { ...rule, include: ['*.mov'], fetch: 'asked' },
    ];
    const config = await place.configure({ local: './data', devices, rules, interval: '1h' });
    const node = ros.start('ros2', ['run', 'filesync', 'filesync', '-c', config]);
    place.use({ close: () => end(node) });
    await node.says('delivered to');
    return {
      delivered: await idOf(place, config, 'UPLOADED'),
      skipped: await idOf(place, config, 'SKIPPED'),
    };
  }

  async function end(node: RosProgram): Promise<void> {
    node.signal('SIGINT');
    await node.ended;
  }

  async function idOf(place: Place, config: string, state: string): Promise<string> {
    let id = '';
    await eventually(async () => {
      const { stdout } = await place.run(['files', '-c', config, '--json', '--state', state]);
      id = /"id":\s*"([0-9a-f]{12})"/.exec(stdout)?.[1] ?? '';
      return id !== '';
    });
    return id;
  }

  const arrives = (place: Place, name: string): Promise<void> =>
    eventually(async () => existsSync(place.path('out/inbox', name)));

  it('names the launch arguments', async () => {
    const shown = await ros.ros2('launch', 'filesync', 'sync.launch.py', '--show-args');
    const names = [...shown.matchAll(/^ {4}'(\w+)':/gm)].map(([, name = '']) => code(name));
    const described = rows(await section('Install and start')).map(([name]) => name);
    assert.deepEqual(described, names);
  });

  it('has shell examples that work, one for each service', () =>
    Place.with(async place => {
      const { delivered, skipped } = await started(place);
      const text = (await blocks('From the shell', 'bash')).join('');
      const script = text.replace('id=4f0c2a', `id=${delivered}`).replace('=77e1b9', `=${skipped}`);
      for (const [service = ''] of rows(await section('Services')))
        assert.ok(script.includes(`/filesync/${service.slice(3, -1)} `), `${service} is called`);
      const { code, output } = await ros.start('bash', ['-ec', script]).ended;
      assert.equal(code, 0, output);
      const calls = script.match(/ros2 service call/g)?.length;
      assert.equal(output.match(/success=True/g)?.length, calls, output);
      assert.doesNotMatch(output, /success=False/);
      assert.match(output, /description='first flight'/);
      assert.match(output, /String value is: pause/);
      await arrives(place, 'film.mov');
    }));

  it('has Python examples that work, one for each service', () =>
    Place.with(async place => {
      const { delivered } = await started(place);
      const [operator = '', listener = '', ...rest] = await blocks('From Python', 'python');
      assert.deepEqual(rest, []);
      for (const [service = ''] of rows(await section('Services')))
        assert.ok(operator.includes(`'${service.slice(3, -1)}'`), `${service} is called`);
      // The summary is published once a second: the first one that is heard may be older than the delivery.
      await eventually(async () => {
        const heard = await ros.start('python3', ['-c', listener]).ended;
        assert.equal(heard.code, 0, heard.output);
        return heard.output === '{2: 1, 14: 1} 0 unfinished\n';
      });
      const { code, output } = await ros.start('python3', ['-c', operator]).ended;
      assert.equal(code, 0, output);
      assert.ok(output.startsWith(`${delivered} inbox flight.ulg 18 bytes ['`), output);
      assert.match(output, /^flight of -1\.0 s: 2 files, missing: 1$/m);
      assert.match(output, /^brought back: \[\]\npaused\ngiven up: \['[0-9a-f]{12}'\]\nresumed\n/m);
      await arrives(place, 'film.mov');
    }));
});
