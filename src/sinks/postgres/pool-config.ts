/** How a pool reaches PostgreSQL: what the sink's options say, in the words of `pg`. */
import { type PeerCertificate, checkServerIdentity } from 'node:tls';
import type { PoolConfig } from 'pg';
import { readTlsFiles } from '../connection.ts';
import type { TlsOptions } from '../options.ts';
import type { Secret, Secrets } from '../sink.ts';

interface Given {
  readonly url: string;
  readonly password?: Secret | undefined;
  readonly tls?: TlsOptions;
}

/** @throws RegressionError `CONFIG_INVALID` for files and secrets that cannot be read. */
export async function poolConfigOf({ url: text, password, tls }: Given, secrets: Secrets): Promise<PoolConfig> {
  // What stands in the URL overrides whatever else `pg` is given, an absent password too.
  const url = new URL(text);
  if (password !== undefined) url.searchParams.set('password', await secrets(password));
  if (tls === undefined) return { connectionString: url.toString() };
  url.searchParams.delete('sslmode');
  const files = await readTlsFiles(tls);
  const name = tls.server_name ?? hostOf(url);
  return {
    connectionString: url.toString(),
    // `pg` connects the socket itself, so Node would hold the certificate of an address against `localhost`.
    ssl: { ...files, checkServerIdentity: (_host: string, given: PeerCertificate) => checkServerIdentity(name, given) },
  };
}

/** Without the brackets that a URL has around IPv6. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
