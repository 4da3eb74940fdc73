import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { FileSyncError } from '../../errors.js';
import type { Clock } from '../../ports.js';
import { withDeadline, withinTime } from '../../system/deadline.js';

export interface DaemonSettings {
  /** A path, or a name that is found in the PATH. */
  readonly program: string;
  /** After `rcd`, for its own part. */
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Of its environment, what no message may contain. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  /** What it prints: errors of its own. */
  readonly log: (line: string) => void;
}

/**
 * Runs a program as long as its own standard input is open: that is a pipe which FileSync alone holds, so it ends with FileSync,
 * however that ends (kill -9 included), and the program with it. No shell keeps running after the program.
 */
const LEASH = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ while read -r line <&3; do :; done; kill "$child"; sleep 2 3<&-; kill -9 "$child"; } >/dev/null 2>&1 &
watch=$!
exec 3<&- </dev/null
wait "$child"
code=$?
kill "$watch"
exit $code
`;

/** Until it serves; a machine that boots is slow. */
const START_TIMEOUT_MS = 60_000;
/** For its end, which its shell has made certain by then. */
const END_TIMEOUT_MS = 5_000;

const NOT_FOUND = 127;
const NOT_RUNNABLE = 126;
const USER = 'filesync';
const SERVING = /Serving remote control on \[?(http:\/\/127\.0\.0\.1:\d+)/;
/** Characters of its last words that a message has. */
const MAX_WORDS_LENGTH = 300;

/**
 * One `rclone rcd`. It serves on a port of the loopback address that the kernel chooses. Every request needs the password, which is
 * made for this process alone and handed over in its environment.
 */
export class RcloneDaemon {
  readonly #settings: DaemonSettings;
  readonly #child: ChildProcess;
  readonly #password = randomBytes(24).toString('base64url');
  #lastWords = '';
  #url: URL | undefined;
  #isOver = false;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;

  private constructor(settings: DaemonSettings) {
    this.#settings = settings;
    const { program, args, env } = settings;
    const command = [program, 'rcd', '--rc-addr', '127.0.0.1:0', ...args];
    this.#child = spawn('/bin/sh', ['-c', LEASH, 'sh', ...command], {
      env: { ...env, RCLONE_RC_USER: USER, RCLONE_RC_PASS: this.#password },
      // A group of its own: what ends the program from a terminal (Ctrl-C) lets it end its uploads first.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#child.stdin?.on('error', ignore);
    for (const part of [this.#child, this.#child.stdin, this.#child.stderr]) (part as Socket | null)?.unref();
    // Without its shell, it is ended as well: its standard error stays open until then.
    this.#child.once('exit', () => this.#child.stdin?.destroy());
    this.ended = new Promise(resolve => {
      const end = (): void => {
        this.#isOver = true;
        resolve();
      };
      this.#child.once('error', end).once('close', end);
    });
  }

  /** Rejects if it cannot be started, with its last words. */
  static async start(settings: DaemonSettings, signal: AbortSignal): Promise<RcloneDaemon> {
    const daemon = new RcloneDaemon(settings);
    const late = () =>
      new FileSyncError('timeout', `rclone does not start within ${START_TIMEOUT_MS / 1000} s`);
    try {
      await withDeadline(daemon.#serving(), { signal, ms: START_TIMEOUT_MS, clock: settings.clock, late });
      return daemon;
    } catch (error) {
      daemon.kill();
      throw error;
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get url(): URL {
    if (!this.#url) throw new Error('rclone does not serve yet');
    return this.#url;
  }

  get authorization(): string {
    return `Basic ${Buffer.from(`${USER}:${this.#password}`).toString('base64')}`;
  }

  /** What no message may contain. */
  get secrets(): readonly string[] {
    return [this.#password, this.authorization];
  }

  /** Lets it end what it does (uploads in parts are aborted); what takes too long is killed. */
  async end(): Promise<void> {
    this.kill();
    await withinTime(this.ended, { ms: END_TIMEOUT_MS, clock: this.#settings.clock });
  }

  /** As `end`, without waiting for it. */
  kill(): void {
    this.#child.stdin?.destroy();
  }

  async #serving(): Promise<void> {
    const serves = new Promise<void>(resolve => void this.#readWords(resolve).catch(ignore));
    await Promise.race([serves, this.ended]);
    if (!this.#url) throw await this.#whyNot();
  }

  /** Reads on as long as it runs: a full pipe would stop it. */
  async #readWords(serving: () => void): Promise<void> {
    for await (const line of createInterface({ input: this.#child.stderr as Readable })) {
      const url = SERVING.exec(line)?.[1];
      if (url !== undefined && !this.#url) this.#url = new URL(url);
      if (url !== undefined) serving();
      else this.#hear(line);
    }
  }

  #hear(line: string): void {
    const words = line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').slice(0, MAX_WORDS_LENGTH);
    // A usage follows an error, with a blank line in between.
    if (words.trim() !== '' && !/^(Usage|Use "|Flags| {2})/.test(words)) this.#lastWords = words;
    this.#settings.log(words);
  }

  async #whyNot(): Promise<FileSyncError> {
    const { program } = this.#settings;
    if (this.#child.pid === undefined) return new FileSyncError('busy', 'rclone cannot be started now');
    const { exitCode } = this.#child;
    if (exitCode === NOT_FOUND)
      return new FileSyncError(
        'unavailable',
        `${program} is not installed: install the package rclone, or set program`,
      );
    if (exitCode === NOT_RUNNABLE)
      return new FileSyncError(
        'denied',
        `${program} may not be run: give this program's user the right to it`,
      );
    const words = this.#lastWords || `exit code ${exitCode ?? 'unknown'}`;
    return new FileSyncError('unavailable', `rclone does not start: ${words}`);
  }
}

function ignore(): void {}
