/**
 * How many datagrams the kernel threw away because a socket's receive buffer was full: the `drops` column of /proc/net/udp and udp6
 * (proc(5)). Counts from the socket's creation; the only place where the loss is seen at all.
 */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';

/** @returns null where there is no /proc (F72). */
export async function readKernelDrops(address: string, port: number): Promise<number | null> {
  const table = await readFile(isIPv6(address) ? '/proc/net/udp6' : '/proc/net/udp', 'latin1').catch(() => null);
  return table === null ? null : kernelDropsIn(table, address, port);
}

/** The sum over all sockets bound to exactly this address. */
export function kernelDropsIn(table: string, address: string, port: number): number {
  const local = `${hexOf(address)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops = 0;
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[1] === local) drops += Number(columns.at(-1));
  }
  return drops;
}

/** The address as the table writes it: 32-bit words in the host's byte order; all our platforms are little-endian. */
function hexOf(address: string): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  return bytes.swap32().toString('hex').toUpperCase();
}

export function ipv6Bytes(address: string): Buffer {
  // The URL parser knows every way to write one; what it gives has at most one `::` and no dots.
  const [head = '', tail = ''] = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1).split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [front, back] = [words(head), words(tail)];
  const bytes = Buffer.alloc(16);
  front.forEach((word, index) => bytes.writeUInt16BE(word, index * 2));
  back.forEach((word, index) => bytes.writeUInt16BE(word, 16 - (back.length - index) * 2));
  return bytes;
}
