/** What a connection to an upstream needs from files, and what the operator can do when it does not come about. */
import { readFile } from 'node:fs/promises';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { TlsOptions } from './options.ts';

/** @throws RegressionError `CONFIG_INVALID` naming the file. */
export async function readTlsFiles(tls: TlsOptions) {
  const read = async (option: string, path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined;
    return readFile(path, 'utf8').catch((error: unknown) => {
      throw new RegressionError('CONFIG_INVALID', `tls.${option}: cannot read ${path}: ${messageOf(error)}`, {
        cause: error,
        hint: `Check sinks[].tls.${option}.`,
      });
    });
  };
  const [ca, cert, key] = await Promise.all([read('ca', tls?.ca), read('cert', tls?.cert), read('key', tls?.key)]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls?.server_name === undefined ? {} : { servername: tls.server_name }),
  };
}

const hints: Readonly<Record<string, string>> = {
  ENOTFOUND: "The name in the sink's url is not known to DNS.",
  EAI_AGAIN: 'The name server does not answer.',
  ECONNREFUSED: "Nobody listens at the sink's url.",
  ETIMEDOUT: "Nothing answers at the address in the sink's url.",
  EHOSTUNREACH: "No route leads to the address in the sink's url.",
  CERT_HAS_EXPIRED: "The upstream's certificate has expired: it needs a new one there.",
  CERT_NOT_YET_VALID: "The upstream's certificate is not valid yet: is the clock right, here and there?",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The upstream's certificate is self-signed: set tls.ca to it.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "The upstream's authority is not known: set tls.ca.",
  SELF_SIGNED_CERT_IN_CHAIN: "The upstream's authority is not known: set tls.ca.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The upstream's authority is not known: set tls.ca.",
  ERR_SSL_WRONG_VERSION_NUMBER: 'What listens there speaks no TLS: is it http://?',
  ERR_TLS_CERT_ALTNAME_INVALID: "The upstream's certificate is for another name: set tls.server_name.",
};

/** What to do about a connection that failed; undefined when its error says nothing that we know more about. */
export function connectionHintOf(error: unknown): string | undefined {
  const code = systemCodeOf(error) ?? systemCodeOf((error as { cause?: unknown }).cause);
  return code === undefined ? undefined : hints[code];
}
