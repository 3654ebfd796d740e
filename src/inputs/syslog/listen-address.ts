/**
 * Where syslog is taken, as the `listen` option writes it: `udp://ADDRESS:PORT`, `tcp://`, `tls://`, `unix:///PATH` (a stream
 * socket) or `unixgram:///PATH` (a datagram socket, as `/dev/log` is).
 */

export type DatagramAddress =
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unixgram'; readonly path: string };

export type StreamAddress =
  | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export type ListenAddress = DatagramAddress | StreamAddress;

/** Null when `listen` is no such URL. */
export function parseListen(listen: string): ListenAddress | null {
  const [, kind, path] = /^(unix|unixgram):\/\/(\/[^\0]+)$/.exec(listen) ?? [];
  // sun_path has 108 bytes with its NUL (unix(7)); a longer path would be cut silently.
  if (path !== undefined && Buffer.byteLength(path) <= 107) return { kind: kind as 'unix' | 'unixgram', path };
  const net = /^(udp|tcp|tls):\/\/(?:\[([\da-fA-F:.]+)\]|([^[\]:/]+)):(\d{1,5})$/.exec(listen);
  const port = Number(net?.[4]);
  if (net === null || port > 65_535) return null;
  return { kind: net[1] as 'udp' | 'tcp' | 'tls', host: net[2] ?? net[3] ?? '', port };
}
