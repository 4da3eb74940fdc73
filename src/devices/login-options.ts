import * as z from 'zod';
import type { DeviceContext } from '../config/definition.js';
import { secret, type SecretRef } from '../config/options.js';
import type { Login } from './http/credentials.js';

/** Options of every device that logs in by HTTP. */
export const loginOptions = {
  user: z
    .string()
    .min(1)
    .optional()
    .describe('name to log in with, as the server asks for: digest (SHA-256, MD5) or basic'),
  password: secret().optional().describe('from a variable or a file: { env: NAME } or { file: PATH }'),
};

interface Chosen {
  readonly user?: string | undefined;
  readonly password?: SecretRef | undefined;
}

/** Reads the login; undefined without a user. */
export function loginOf({ user, password }: Chosen, context: DeviceContext): Login | undefined {
  if (user === undefined) return undefined;
  return { user, password: password === undefined ? '' : context.secret(password) };
}
