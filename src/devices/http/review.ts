import * as z from 'zod';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import type { Checksum, Receipt, Target, TargetStat } from '../../ports.js';
import { jsonIn } from './location.js';
import type { HttpTarget } from './target.js';

/** The two programs of that name: PX4/flight_review, and its successor PX4/flight-review-rs. */
type Version = 'v1' | 'v2';

/** Statuses of a page that does not exist. */
const LACKING = new Set([404, 405, 410, 501]);

const logList = z.object({ logs: z.array(z.unknown()) });
const upload = z.object({ id: z.string().regex(/^[\w-]{1,64}$/) });

export interface ReviewSite {
  readonly device: string;
  /** Lists logs in v2; v1 has no such page. */
  readonly logs: URL;
  readonly api: 'auto' | Version;
}

/** A Flight Review, whose version is asked for before the first upload unless it is configured. */
export class ReviewTarget implements Target {
  readonly #site: ReviewSite;
  readonly #targets: Readonly<Record<Version, HttpTarget>>;
  #version: Version | undefined;

  constructor(site: ReviewSite, targets: Readonly<Record<Version, HttpTarget>>) {
    this.#site = site;
    this.#targets = targets;
    if (site.api !== 'auto') this.#version = site.api;
  }

  get capabilities(): Target['capabilities'] {
    return this.#targets.v1.capabilities;
  }

  get availability(): Target['availability'] {
    return this.#targets.v1.availability;
  }

  stat(path: string): Promise<TargetStat> {
    return this.#targets.v1.stat(path);
  }

  checksum(path: string): Promise<Checksum> {
    return this.#targets.v1.checksum(path);
  }

  async write(...request: Parameters<Target['write']>): Promise<Receipt> {
    const [, path, , signal] = request;
    const details = { device: this.#site.device, operation: 'write', path };
    const version = this.#version ?? (await this.#ask(details, signal));
    return this.#targets[version].write(...request);
  }

  async close(): Promise<void> {
    await Promise.all([this.#targets.v1.close(), this.#targets.v2.close()]);
  }

  /**
   * Any page that does not list logs is taken for v1, and asked again before the next upload unless it is clear: it may be one of
   * a network in between. Throws `unavailable`, a temporary error, when the site itself is in trouble.
   */
  async #ask(details: ErrorDetails, signal: AbortSignal): Promise<Version> {
    const { logs } = this.#site;
    const { status, body } = await this.#targets.v1.get(logs, details, signal);
    if (status === 200 && logList.safeParse(jsonIn(body)).success) return (this.#version = 'v2');
    if (LACKING.has(status)) return (this.#version = 'v1');
    if (status < 500) return 'v1';
    const message = `${logs.host} does not show which Flight Review it is (${status}): it is asked again; or set api to v1 or v2`;
    throw new FileSyncError('unavailable', message, details);
  }
}

/** The page of a log, from the answer of v2 to its upload. */
export function logPage(site: string, body: string): URL | undefined {
  const { id } = upload.safeParse(jsonIn(body)).data ?? {};
  return id === undefined ? undefined : new URL(`${site}/log/${id}`);
}
