import * as z from 'zod';
import { SCOPES } from '../config/web.js';

/** Longest password that is hashed. */
export const MAX_PASSWORD_LENGTH = 1024;

/** The body of a login. */
export const credentials = z.strictObject({ password: z.string().max(MAX_PASSWORD_LENGTH) });

/** What the one who asks may do, and whether there is a password to log in with. */
export const session = z.object({ scopes: z.array(z.enum(SCOPES)), login: z.boolean() });

export type SessionView = z.output<typeof session>;
