/** Reads the certificate files of a TLS listener (RFC 5425). */
import { readFile } from 'node:fs/promises';
import { type TlsOptions, createSecureContext } from 'node:tls';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { SyslogOptions } from './options.ts';

/** @throws RegressionError `CONFIG_INVALID` naming the file or what is wrong with its content. */
export async function readTlsFiles(tls: SyslogOptions['tls']): Promise<TlsOptions> {
  if (tls === undefined) throw invalid('tls: needed for tls://', 'Give inputs[].tls.cert and inputs[].tls.key.');
  if (tls.client_certificate !== 'none' && tls.ca === undefined) {
    throw invalid(
      'tls.ca: needed to check client certificates',
      'Give the file of their authority in inputs[].tls.ca.',
    );
  }
  const [cert, key, ca] = await Promise.all([read('cert', tls.cert), read('key', tls.key), read('ca', tls.ca)]);
  const isAsked = tls.client_certificate !== 'none';
  const options: TlsOptions = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: 'TLSv1.2',
    requestCert: isAsked,
    rejectUnauthorized: isAsked,
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(`tls: ${messageOf(error)}`, 'Do tls.cert and tls.key belong together, both PEM?', error);
  }
  return options;
}

async function read(option: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  return readFile(path).catch((error: unknown) => {
    throw invalid(`tls.${option}: cannot read ${path}: ${messageOf(error)}`, `Check inputs[].tls.${option}.`, error);
  });
}

function invalid(message: string, hint: string, cause?: unknown): RegressionError {
  return new RegressionError('CONFIG_INVALID', `syslog input: ${message}`, { hint, cause });
}
