import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../conformance/support.js';
import { Place } from '../e2e/program.js';
import type { Ros, RosProgram } from './real.js';

export const READY = /working with/;

/** What `put` puts into a file. */
export const CONTENT = 'the bytes of a log';

/** Puts a file into `inbox`, whole: one that is still empty when the node looks would be another version. */
export async function putWhole(place: Place, name: string): Promise<void> {
  await writeFile(place.path(name), CONTENT);
  await rename(place.path(name), place.path('inbox', name));
}

/** A folder with a configuration that brings what lies in `inbox` to `out`. */
export async function configured(place: Place, more: object = {}): Promise<string> {
  await mkdir(place.path('inbox'));
  await mkdir(place.path('out'));
  return place.configure({
    local: './data',
    devices: {
      inbox: { type: 'directory', path: './inbox' },
      out: { type: 'directory', path: './out' },
    },
    rules: [{ from: 'inbox', to: ['out'], settle: 0 }],
    interval: '1h',
    ...more,
  });
}

/** A user of the package at a shell. */
export class User {
  readonly #ros: Ros;

  constructor(ros: Ros) {
    this.#ros = ros;
  }

  run(config: string, ...more: readonly string[]): RosProgram {
    return this.#ros.start('ros2', ['run', 'filesync', 'filesync', ...parameters(config), ...more]);
  }

  /** What `ros2 run` starts, without its Python around it. */
  runAlone(config: string, ...more: readonly string[]): RosProgram {
    return this.#ros.start(join(this.#ros.prefix, 'lib/filesync/filesync'), [...parameters(config), ...more]);
  }

  launch(config: string, ...more: readonly string[]): RosProgram {
    return this.#ros.start('ros2', ['launch', 'filesync', 'sync.launch.py', `config:=${config}`, ...more]);
  }

  call(name: string, type: string, request: string): Promise<string> {
    return this.#ros.ros2('service', 'call', `/filesync/${name}`, type, request);
  }

  rescan(): Promise<string> {
    return this.call('rescan', 'std_srvs/srv/Trigger', '{}');
  }

  /** A new file, until it has arrived. */
  async put(place: Place, name: string): Promise<void> {
    await putWhole(place, name);
    await this.rescan();
    await arrived(place, name);
  }

  /** One file after the other: a listener needs a while to find the node. */
  async putUntil(place: Place, heard: () => boolean): Promise<void> {
    for (let number = 0; !heard(); number++) await this.put(place, `${number}.ulg`);
  }

  /** The messages of a topic, as they come. */
  echo(topic: string, type: string, ...more: readonly string[]): RosProgram {
    return this.#ros.start('ros2', ['topic', 'echo', '--no-daemon', ...more, topic, type]);
  }

  /** The latched message that a late subscriber receives. */
  async latched(topic: string, type: string): Promise<string> {
    const qos = ['--qos-durability', 'transient_local', '--qos-reliability', 'reliable'];
    return (await this.echo(topic, type, '--once', ...qos).ended).output;
  }
}

const parameters = (config: string) => ['--ros-args', '-p', `config:=${config}`];

export const arrived = (place: Place, name: string): Promise<void> =>
  eventually(async () => existsSync(place.path('out/inbox', name)));

/** A test with a node of its own; if it fails, the caller that started the node must end it. */
export async function withNode(
  start: (config: string) => RosProgram,
  test: (place: Place) => Promise<void>,
): Promise<void> {
  await Place.with(async place => {
    const node = start(await configured(place));
    await node.says(READY);
    await test(place);
    node.signal('SIGKILL');
    await node.ended;
  });
}
