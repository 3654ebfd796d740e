/**
 * Makes a line of the bytes of one syslog message, with what is known beside its text.
 */
import type { Metadata } from '../../record/log-record.ts';
import type { Line } from '../input.ts';

const LF = 0x0a;
const CR = 0x0d;

/**
 * Bytes that are not UTF-8 come out as U+FFFD, and the row keeps them all as `raw_base64`.
 * @param metadata of the sender, shared by all of its lines.
 */
export function lineOf(bytes: Buffer, start: number, end: number, metadata: Metadata): Line {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\ufffd')) return { text, endOffset: 0, metadata };
  return { text, endOffset: 0, metadata: [...metadata, ['raw_base64', bytes.toString('base64', start, end)]] };
}

/**
 * Where the message really ends. RFC 5426 section 3.1 has no trailer, but senders of stream habits add a newline or a NUL.
 * @returns `start` when nothing is left.
 */
export function messageEnd(bytes: Uint8Array, start = 0, stop = bytes.length): number {
  let end = stop;
  while (end > start && (bytes[end - 1] === LF || bytes[end - 1] === CR || bytes[end - 1] === 0)) end--;
  return end;
}

/** The sender's address; an IPv4 sender of a dual-stack socket is written as what it is. */
export function peerOf(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
