import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { DeviceContext } from '../config/definition.js';
import { FileSyncError } from '../errors.js';

/** Options of every device that supports TLS. */
export const tlsOptions = {
  tls_ca: fileOption(
    'file with the certificate (PEM) of the authority, or of the server itself, that is to be trusted',
  ),
  tls_cert: fileOption(
    'file with the certificate (PEM) that this machine presents to a server that asks for one',
  ),
  tls_key: fileOption('file with the private key of tls_cert (PEM, without a passphrase; default: tls_cert)'),
};

function fileOption(description: string) {
  return z.string().min(1).optional().describe(description);
}

/** Names of files, as configured. */
export interface TlsFiles {
  readonly tls_ca?: string | undefined;
  readonly tls_cert?: string | undefined;
  readonly tls_key?: string | undefined;
}

/** Contents of the files, PEM, as Node's TLS takes them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files. Throws `config`, a temporary one, if one cannot be read, or is not what it should be. */
export async function readTls(files: TlsFiles, context: DeviceContext): Promise<TlsMaterial> {
  const { tls_ca, tls_cert, tls_key } = files;
  const ca = tls_ca === undefined ? {} : { ca: await read('tls_ca', tls_ca, context) };
  if (tls_cert === undefined) {
    if (tls_key === undefined) return ca;
    throw mistake('tls_key is set without tls_cert: name the certificate, too', context);
  }
  const cert = await read('tls_cert', tls_cert, context);
  const key = tls_key === undefined ? cert : await read('tls_key', tls_key, context);
  await checkPair(cert, key, context);
  return { ...ca, cert, key };
}

async function read(option: string, file: string, context: DeviceContext): Promise<string> {
  const path = context.resolvePath(file);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw mistake(`${option}: ${path} cannot be read: check its name and its rights`, context, cause);
  }
}

/** The error of OpenSSL is no cause that is passed on: nothing of a key may reach a log. */
async function checkPair(cert: string, key: string, context: DeviceContext): Promise<void> {
  // Every command reads the options, and few make a device with a certificate.
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext({ cert, key });
  } catch {
    const what = 'tls_cert and tls_key are not a certificate and its private key';
    throw mistake(`${what}: both must be PEM, the key without a passphrase`, context);
  }
}

function mistake(message: string, { name: device }: DeviceContext, cause?: unknown): FileSyncError {
  return new FileSyncError('config', message, { device, cause, temporary: true });
}
