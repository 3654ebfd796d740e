/** Socket addresses as the kernel writes them: ip(7), ipv6(7), unix(7), on little-endian machines. */

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** sockaddr_un of a path; of an abstract name when it begins with `@`, as service managers write those. */
export function unixSocketAddress(path: string): Buffer {
  const isAbstract = path.startsWith('@');
  const address = Buffer.from(`\0\0${isAbstract ? `\0${path.slice(1)}` : `${path}\0`}`);
  address.writeUInt16LE(AF_UNIX);
  return address;
}

/** What getsockname(2) wrote; null of a family that is none of ours, or of a Unix socket without a name. */
export function addressIn(bytes: Buffer): SocketAddress | null {
  const family = bytes.readUInt16LE(0);
  if (family === AF_INET) return { host: [...bytes.subarray(4, 8)].join('.'), port: bytes.readUInt16BE(2) };
  if (family === AF_INET6) return { host: ipv6Text(bytes.subarray(8, 24)), port: bytes.readUInt16BE(2) };
  if (family !== AF_UNIX || bytes.length <= 2) return null;
  const isAbstract = bytes[2] === 0;
  const name = bytes.subarray(isAbstract ? 3 : 2).toString();
  return { path: isAbstract ? `@${name}` : name.replace(/\0.*$/s, '') };
}

/** Shortened as RFC 5952 says; an IPv4 address inside as that. */
export function ipv6Text(bytes: Buffer): string {
  const isMapped = bytes.readUInt32BE(0) === 0 && bytes.readUInt32BE(4) === 0 && bytes.readUInt32BE(8) === 0xffff;
  if (isMapped) return [...bytes.subarray(12)].join('.');
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1); // with the longest run of zeros as `::`
}
