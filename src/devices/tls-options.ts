import * as z from 'zod';

/** Options of every device that supports TLS. */
export const tlsOptions = {
  tls_ca: z
    .string()
    .min(1)
    .optional()
    .describe(
      'file with the certificate (PEM) of the authority, or of the server itself, that is to be trusted',
    ),
};
