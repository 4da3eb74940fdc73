import type { Command } from './command.js';

/** One command as the help lists it. Its module is loaded when the command is used. */
export interface ListedCommand {
  /** As yargs reads it: `retry [id..]`. */
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command of the program, a line each. */
export const commands: readonly ListedCommand[] = [
  {
    usage: 'run',
    summary: 'the daemon, without a ROS graph: finds, fetches and delivers until it is stopped',
    load: async () => (await import('./run.js')).run,
  },
  {
    usage: 'node',
    summary: 'the ROS 2 node; takes --ros-args',
    load: async () => (await import('./node.js')).node,
  },
  {
    usage: 'sync',
    summary: 'one pass: find, fetch, deliver everything, then exit',
    load: async () => (await import('./sync.js')).sync,
  },
  {
    usage: 'check',
    summary: 'validate the configuration and probe every device, one line each',
    load: async () => (await import('./check.js')).check,
  },
  {
    usage: 'status',
    summary: 'whether all is delivered: devices, transfers, what waits and why',
    load: async () => (await import('./status.js')).status,
  },
  {
    usage: 'files',
    summary: 'where each file is: state, targets, links and reasons',
    load: async () => (await import('./files.js')).files,
  },
  {
    usage: 'show <id>',
    summary: 'all about one file: its history, hashes, targets, and why it waits',
    load: async () => (await import('./show.js')).show,
  },
  {
    usage: 'retry [id..]',
    summary: 'bring FAILED files back',
    load: async () => (await import('./retry.js')).retry,
  },
  {
    usage: 'forget <id..>',
    summary: 'delete records from the database (files stay; what is still on a source is found again)',
    load: async () => (await import('./forget.js')).forget,
  },
  {
    usage: 'first <id..>',
    summary: 'move files to the front of their queues, the first one named first',
    load: async () => (await import('./first.js')).first,
  },
  {
    usage: 'fetch <id..>',
    summary: 'fetch and deliver files that the rules only list (SKIPPED)',
    load: async () => (await import('./fetch.js')).fetchFiles,
  },
  {
    usage: 'adopt',
    summary: 'after a lost database: take what targets already hold as delivered; nothing is sent',
    load: async () => (await import('./adopt.js')).adopt,
  },
  {
    usage: 'sim <dir>',
    summary: 'a simulated autopilot: a MAVLink FTP server over UDP on a folder (SIGUSR1 arms and disarms it)',
    load: async () => (await import('./sim.js')).sim,
  },
  {
    usage: 'demo',
    summary:
      'the main job on embedded servers: simulated autopilot -> local -> FTP server and Flight Review page',
    load: async () => (await import('./demo.js')).demo,
  },
];
