import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, type Program } from './program.js';
import { freePort, HOST, makePremises, serve, type Served } from './served.js';

/** A real object store on the loopback address. */
export interface S3Server extends Served {
  readonly host: string;
  readonly port: number;
  /** Of its S3 interface. */
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Private files of the test. */
  readonly home: string;
}

export interface SwiftOptions {
  /** More settings of filters of the proxy: by the filter's name. */
  readonly filters?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** How many seconds its clock is ahead. */
  readonly clockOffset?: number;
}

/** ms: before its first start, Python compiles what was unpacked. */
export const SWIFT_START_MS = 120_000;

/** A user of Swift that has no rights until it is given some. */
export const SWIFT_READER = { accessKey: 'test:reader', secretKey: 'reading' };

/** OpenStack Swift with its S3 interface; all of its servers in one process. */
export async function startSwift({ filters = {}, clockOffset = 0 }: SwiftOptions = {}): Promise<S3Server> {
  const premises = await makePremises({ tls: false });
  const { home, port } = premises;
  const backends = [await freePort(), await freePort(), await freePort()];
  const plan = { port, backends, user: userInfo().username, filters, clockOffset };
  await writeFile(join(home, 'swift.json'), JSON.stringify(plan));
  const script = join(import.meta.dirname, 'swift-server.py');
  const served = await serve(await swiftPython(), [script, home], premises);
  return {
    ...served,
    ...{ host: HOST, port, url: `http://${HOST}:${port}`, home },
    ...{ accessKey: 'test:tester', secretKey: 'testing' },
  };
}

/** The Python that came with it: a bare Debian has none, and that of another system may be another version. */
const swiftPython = (): Promise<Program> => findProgram('python3-swift', 'usr/bin/python3.11');
