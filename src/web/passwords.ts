import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { Mutex } from 'async-mutex';
import { MAX_PASSWORD_LENGTH } from '../api/schema-session.js';
import { PASSWORD_HASH } from '../config/web.js';
import { FileSyncError } from '../errors.js';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** RFC 7914 and OWASP's figures for 32 MiB of memory: half a second on a Raspberry Pi 4. */
const COST = { ln: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** More than that would be taken from the other programs of a companion computer. */
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;
/** Rounds in all, `2 ** ln * r * p`: a few seconds on a small machine. */
const MAX_WORK = 4 * 2 ** COST.ln * COST.r * COST.p;
export const MIN_PASSWORD_LENGTH = 8;

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** A hash in the PHC string format, for `web.password`. */
export async function hashPassword(password: string): Promise<string> {
  const { ln, r, p } = COST;
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password.normalize('NFKC'), salt, HASH_BYTES, optionsOf({ ln, r, p }));
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

const optionsOf = ({ ln, r, p }: Cost) => ({ N: 2 ** ln, r, p, maxmem: MAX_MEMORY_BYTES });

/** Compares passwords with one hash, one at a time: each takes memory and a processor for a moment. */
export class PasswordCheck {
  readonly #cost: Cost;
  readonly #salt: Buffer;
  readonly #hash: Buffer;
  readonly #turn = new Mutex();

  /** Throws `config` for what `hashPassword` has not made, without repeating it. */
  constructor(text: string) {
    const [, ln, r, p, salt = '', hash = ''] = PASSWORD_HASH.exec(text) ?? [];
    this.#cost = { ln: Number(ln), r: Number(r), p: Number(p) };
    this.#salt = Buffer.from(salt, 'base64');
    this.#hash = Buffer.from(hash, 'base64');
    if (!isAffordable(this.#cost))
      throw new FileSyncError(
        'config',
        'web.password: this is not the hash of a password: run `filesync password` and store what it prints',
      );
  }

  async matches(password: string): Promise<boolean> {
    if (password.length > MAX_PASSWORD_LENGTH) return false;
    const text = password.normalize('NFKC');
    const found = await this.#turn.runExclusive(() =>
      derive(text, this.#salt, this.#hash.length, optionsOf(this.#cost)),
    );
    return timingSafeEqual(found, this.#hash);
  }
}

/** Scrypt takes 128 * r * 2^ln bytes (RFC 7914 section 2), and a little more. False for NaN. */
function isAffordable({ ln, r, p }: Cost): boolean {
  const isSmall = 128 * r * 2 ** ln < MAX_MEMORY_BYTES && r * p * 2 ** ln <= MAX_WORK;
  return isSmall && ln >= 1 && r >= 1 && p >= 1;
}
