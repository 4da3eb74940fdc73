import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sortRosArguments, splitArguments } from '../../src/ros/arguments.js';
import { overridesFor, readOverrides } from '../../src/ros/overrides.js';
import { failsWith } from '../conformance/support.js';
import { temporaryFolder } from '../conformance/temp-folder.js';

async function valuesFor(node: string, ...ros: readonly string[]): Promise<unknown> {
  const overrides = await readOverrides(sortRosArguments(ros).parameters);
  return Object.fromEntries(overridesFor(overrides, node));
}

/** The values that a parameter file sets for a node. */
async function fromFile(node: string, yaml: string): Promise<unknown> {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'params.yaml');
  try {
    await writeFile(file, yaml);
    return await valuesFor(node, '--params-file', file);
  } finally {
    await folder.remove();
  }
}

describe('ROS arguments', () => {
  it('are between --ros-args and --, more than once', () => {
    const argv = ['node', '--ros-args', '-r', 'a:=b', '--', '-c', 'file', '--ros-args', '-p', 'x:=1'];
    assert.deepEqual(splitArguments(argv), {
      program: ['node', '-c', 'file'],
      ros: ['-r', 'a:=b', '-p', 'x:=1'],
    });
  });

  it('keep what sets no parameter for ROS itself', () => {
    const { others, parameters } = sortRosArguments(['-r', '__ns:=/d', '-p', 'x:=1', '--log-level', 'debug']);
    assert.deepEqual(others, ['-r', '__ns:=/d', '--log-level', 'debug']);
    assert.deepEqual(parameters, [{ node: '/**', name: 'x', value: '1' }]);
  });

  it('set parameters of all nodes or of one, typed as YAML has them', async () => {
    const args = [
      '-p',
      'a:=1.5',
      '-p',
      'filesync:b:=text',
      '-p',
      'other:c:=1',
      '--param',
      'd:=true',
      '-p',
      'e:=x:=y',
    ];
    assert.deepEqual(await valuesFor('/filesync', ...args), { a: 1.5, b: 'text', d: true, e: 'x:=y' });
  });

  it('of several for one parameter, the last counts', async () => {
    assert.deepEqual(await valuesFor('/filesync', '-p', 'a:=1', '-p', 'a:=2'), { a: 2 });
  });

  const files: Readonly<Record<string, [string, string, object]>> = {
    'every node': ['/d/filesync', '/**: { ros__parameters: { a: 1 } }', { a: 1 }],
    'a full name': ['/d/filesync', '/d/filesync: { ros__parameters: { a: 1 } }', { a: 1 }],
    'a name in nested keys': ['/d/filesync', '/d: { filesync: { ros__parameters: { a: 1 } } }', { a: 1 }],
    'a bare name': ['/d/filesync', 'filesync: { ros__parameters: { a: 1 } }', { a: 1 }],
    'one part of a name left open': ['/d/filesync', '/*/filesync: { ros__parameters: { a: 1 } }', { a: 1 }],
    'another node': ['/d/filesync', '/filesync: { ros__parameters: { a: 1 } }', {}],
    'nested parameters': ['/filesync', '/**: { ros__parameters: { a: { b: 1 } } }', { 'a.b': 1 }],
  };
  for (const [what, [node, yaml, values]] of Object.entries(files)) {
    it(`a parameter file is understood that names ${what}`, async () => {
      assert.deepEqual(await fromFile(node, yaml), values);
    });
  }

  it('a file that is none is named', async () => {
    const error = await failsWith(() => valuesFor('/filesync', '--params-file', '/nowhere.yaml'), 'config');
    assert.match(error.message, /\/nowhere.yaml/);
    await failsWith(() => fromFile('/filesync', 'filesync: 3'), 'config');
    await failsWith(() => fromFile('/filesync', '{{'), 'config');
  });
});
