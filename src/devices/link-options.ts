import * as z from 'zod';
import type { LinkLimits } from '../config/definition.js';
import { duration, hours, rate } from '../config/options.js';
import { bareHost, isLoopback } from './proxy.js';

/** Slower, a server would take a transfer for one that is stuck. Bytes a second. */
const MIN_RATE = 4096;
/** ms. Of a server elsewhere, where nothing is configured: ten of fifty vehicles begin in a second. */
const DEFAULT_SPREAD_MS = 5_000;
const MAX_SPREAD_MS = 3_600_000;

/** Options of every device that is reached through a network, which may cost money or belong to others. */
export const linkOptions = {
  max_rate: rate(MIN_RATE)
    .optional()
    .describe('bytes of files a second at most, of all transfers of the device together: 500KB/s'),
  over: z
    .array(z.string().regex(/^[^\s/:]{1,15}$/, 'must be names of network interfaces, such as [wlan0, eth0]'))
    .min(1)
    .optional()
    .describe('only while it is reached through one of these network interfaces (default: any)'),
  unmetered: z
    .boolean()
    .default(false)
    .describe(
      'true: only while it is reached through a connection that NetworkManager does not report as metered; without NetworkManager none is',
    ),
  hours: hours()
    .optional()
    .describe('only at these times of the day, local time: "22:00-06:00"; several are separated by commas'),
  spread: duration()
    .refine(ms => ms <= MAX_SPREAD_MS, 'must be an hour at most')
    .optional()
    .describe(
      'a daemon begins with it, as a target, at a random moment within this time after its start, and after `hours` or `over` allow it, so that vehicles do not all begin at once; 0: at once (default: 5s, 0 for a server on this machine)',
    ),
};

interface Chosen {
  readonly max_rate?: number | undefined;
  readonly over?: readonly string[] | undefined;
  readonly unmetered: boolean;
  readonly hours?: LinkLimits['hours'];
  readonly spread?: number | undefined;
}

const WITHOUT_NETWORK =
  'this device is not reached through a network: set it for the devices that its files go to, or come from';

/** Of devices that this machine has itself. */
export const lacksLink: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(linkOptions).map(key => [key, WITHOUT_NETWORK]),
);

/** `url`: where the device is. */
export const linkOf =
  <Options extends Chosen>(urlOf: (options: Options) => string) =>
  (options: Options): LinkLimits => {
    const { max_rate: maxRate, over, unmetered, hours } = options;
    const url = new URL(urlOf(options));
    const spread = options.spread ?? (isLoopback(bareHost(url)) ? 0 : DEFAULT_SPREAD_MS);
    return { url, maxRate, over, unmetered, hours, spread };
  };
