import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificates, type Certificates } from './certificates.js';
import { Daemon, type Program } from './program.js';

export const HOST = '127.0.0.1';

/** Where a server of a test lives. */
export interface Premises {
  /** Private files: configuration, accounts, logs. */
  readonly home: string;
  /** The folder that it serves. */
  readonly folder: string;
  readonly port: number;
  readonly certificates?: Certificates;
}

/** How a test handles a server that runs. */
export interface Served {
  /** Kills it in the middle of whatever it does. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Folders that a server may use after it has changed to another user, and a port that no program listens on now. */
export async function makePremises(
  { tls }: { tls: boolean },
  more: readonly string[] = [],
): Promise<Premises> {
  const home = await mkdtemp(join(tmpdir(), 'filesync-server-'));
  await chmod(home, 0o711);
  for (const name of ['files', ...more]) {
    await mkdir(join(home, name));
    await chmod(join(home, name), 0o777);
  }
  const certificates = tls ? await makeCertificates(join(home, 'tls')) : undefined;
  const port = await freePort();
  return { home, folder: join(home, 'files'), port, ...(certificates && { certificates }) };
}

/** Starts a program and waits until it is up; throws what it said if it ends before. */
export async function serve(
  program: Program,
  args: readonly string[],
  { home, port }: Premises,
  isUp: (port: number) => Promise<boolean> = accepts,
): Promise<Served> {
  const launch = async (): Promise<Daemon> => {
    const daemon = new Daemon(program, args);
    while (!(await isUp(port))) {
      if (daemon.ended) throw new Error(`${program.path} ended at once: ${daemon.said || 'it said nothing'}`);
      await delay(20);
    }
    return daemon;
  };
  let daemon = await launch();
  return {
    kill: () => daemon.kill(),
    restart: async () => {
      daemon = await launch();
    },
    stop: async () => {
      await daemon.kill();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

const accepts = (port: number): Promise<boolean> => says(port, 'connect', () => true);

/** FTP and SSH servers speak first: whether one says what begins so. */
export const greets =
  (beginning: string) =>
  (port: number): Promise<boolean> =>
    says(port, 'data', greeting => String(greeting).startsWith(beginning));

async function says(port: number, event: string, isRight: (said: unknown) => boolean): Promise<boolean> {
  const socket = connect(port, HOST);
  try {
    const [said] = (await once(socket, event)) as unknown[];
    return isRight(said);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
