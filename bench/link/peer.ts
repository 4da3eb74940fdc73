import { execFile, type ExecFileException } from 'node:child_process';
import { promisify } from 'node:util';
import type { Got } from './reading.js';

// Another client: pymavlink's (MAVFTP, formerly of MAVProxy) with its default settings, if it is installed. Its packets go over the same links to the same vehicle.

export type Peer = 'pymavlink';
export const PEER: Peer = 'pymavlink';

/** `python3`, or LINK_PEER_PYTHON; PYTHONPATH names the folder of pymavlink. */
const PYTHON = process.env['LINK_PEER_PYTHON'] ?? 'python3';
const run = promisify(execFile);

/** Waits for the vehicle, reads a file into memory and reports bytes, time and processor time, whole or cut off. */
const DRIVER = `
import hashlib, json, logging, os, signal, sys, time
os.environ['MAVLINK20'] = '1'
from pymavlink import mavftp, mavutil
port, path, size, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
logging.disable(logging.CRITICAL)
link = mavutil.mavlink_connection('udpout:127.0.0.1:' + port)
while True:
    link.mav.heartbeat_send(6, 8, 0, 0, 0)
    if link.wait_heartbeat(timeout=1): break
client = mavftp.MAVFTP(link, link.target_system, link.target_component)
begun, cpu = time.monotonic(), time.process_time()
def report(content):
    ms, used = (time.monotonic() - begun) * 1000, (time.process_time() - cpu) * 1000
    whole = content is not None and len(content) == size
    got = dict(bytes=len(content) if whole else client.read_total, ms=ms, cpu=used)
    if whole: got['sha256'] = hashlib.sha256(content).hexdigest()
    print(json.dumps(got), flush=True)
    os._exit(0)
signal.signal(signal.SIGALRM, lambda *_: report(None))
signal.setitimer(signal.ITIMER_REAL, limit / 1000)
client.cmd_get([path], callback=lambda file: report(file and file.read()))
while True: client.process_ftp_reply('get', timeout=0)
`;

/** Why the client cannot run here; undefined if it can. */
export async function absence(): Promise<string | undefined> {
  try {
    await run(PYTHON, ['-c', 'import pymavlink.mavftp']);
    return undefined;
  } catch (error) {
    const { stderr, message } = error as ExecFileException;
    return `not installed: ${(stderr || message).trim().split('\n').at(-1)}`;
  }
}

/** Reads `/FILE` of the vehicle by the peer, a process of its own. What takes longer than `limit` ms is cut off. */
export async function readByPeer(
  port: number,
  file: { path: string; size: number },
  limit: number,
): Promise<Got> {
  const words = [port, `/${file.path}`, file.size, limit].map(String);
  const { stdout } = await run(PYTHON, ['-c', DRIVER, ...words], { timeout: limit + 60_000 });
  return { sha256: undefined, ...(JSON.parse(stdout) as Omit<Got, 'sha256'> & { sha256?: string }) };
}
