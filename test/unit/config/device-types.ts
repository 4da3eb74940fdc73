import { z } from 'zod';
import { secret, template } from '../../../src/config/options.js';
import { defineDevice, type DeviceType } from '../../../src/config/definition.js';
import { FileSyncError } from '../../../src/errors.js';

function neverMade(): never {
  throw new FileSyncError('internal', 'loading a configuration makes no device');
}

/** Small kinds of device, two sources and a target. */
export const testTypes: readonly DeviceType[] = [
  defineDevice({
    type: 'camera',
    summary: 'Source: a camera',
    options: z.strictObject({ root: z.string().default('/').describe('folder of the pictures') }),
    source: neverMade,
    tellsSpace: true,
  }),
  defineDevice({
    type: 'mute',
    summary: 'Source: a device that cannot report its free space',
    options: z.strictObject({}),
    source: neverMade,
    tellsSpace: false,
  }),
  defineDevice({
    type: 'ftp',
    summary: 'Target: a server',
    // Not strict: unknown keys are found all the same.
    options: z.object({
      host: z.string().min(1).describe('name or address'),
      port: z.int().min(1).max(65535).default(21).describe('port'),
      password: secret().default('').describe('password'),
      headers: z.record(z.string(), secret()).default({}).describe('a | b'),
      fields: z.record(z.string(), template()).default({}).describe('texts'),
      tls: z
        .union([z.boolean(), z.literal('implicit')])
        .default(false)
        .describe('encryption'),
      login: z.strictObject({ user: z.string(), realm: z.string() }).partial().optional().describe('who'),
    }),
    target: neverMade,
  }),
];
