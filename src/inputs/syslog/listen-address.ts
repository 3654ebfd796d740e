/**
 * Where syslog is taken, as the `listen` option writes it: `udp://ADDRESS:PORT`, `tcp://`, `tls://` or `unix:///PATH` (a stream
 * socket).
 */

export type ListenAddress =
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Null when `listen` is no such URL. */
export function parseListen(listen: string): ListenAddress | null {
  const path = /^unix:\/\/(\/[^\0]+)$/.exec(listen)?.[1];
  // sun_path has 108 bytes with its NUL (unix(7)); a longer path would be cut silently.
  if (path !== undefined && Buffer.byteLength(path) <= 107) return { kind: 'unix', path };
  const net = /^(udp|tcp|tls):\/\/(?:\[([\da-fA-F:.]+)\]|([^[\]:/]+)):(\d{1,5})$/.exec(listen);
  const port = Number(net?.[4]);
  if (net === null || port > 65_535) return null;
  return { kind: net[1] as 'udp' | 'tcp' | 'tls', host: net[2] ?? net[3] ?? '', port };
}
