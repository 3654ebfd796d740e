/**
 * How bytes of a file become text: where its lines end, and what they say. Knows one line at a time, nothing of files.
 */
import { isUtf8 } from 'node:buffer';

export const encodings = ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const;
export type Encoding = (typeof encodings)[number];

/** What a byte order mark at the beginning of a file says (Unicode 16, section 23.8); null without one. */
export function encodingOfMark(head: Buffer): Encoding | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 'utf-8' : null;
}

/** Bytes of a code unit: line ends are looked for at multiples of it. */
export function unitBytesOf(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1;
}

export const lineFeedOf: Readonly<Record<Encoding, Buffer>> = {
  'utf-8': Buffer.from([0x0a]),
  latin1: Buffer.from([0x0a]),
  'utf-16le': Buffer.from([0x0a, 0x00]),
  'utf-16be': Buffer.from([0x00, 0x0a]),
};

export const carriageReturnOf: Readonly<Record<Encoding, Buffer>> = {
  'utf-8': Buffer.from([0x0d]),
  latin1: Buffer.from([0x0d]),
  'utf-16le': Buffer.from([0x0d, 0x00]),
  'utf-16be': Buffer.from([0x00, 0x0d]),
};

/** `isExact` is false when the text does not give the bytes back: invalid UTF-8, half a surrogate pair, an odd byte. */
export function decode(bytes: Buffer, encoding: Encoding): { readonly text: string; readonly isExact: boolean } {
  if (encoding === 'latin1') return { text: bytes.toString('latin1'), isExact: true };
  if (encoding === 'utf-8') {
    const text = bytes.toString('utf8');
    return { text, isExact: !text.includes('\ufffd') || isUtf8(bytes) };
  }
  const whole = bytes.subarray(0, bytes.length & ~1);
  const text = (encoding === 'utf-16le' ? whole : Buffer.from(whole).swap16()).toString('utf16le');
  return { text: text.toWellFormed(), isExact: text.isWellFormed() && whole.length === bytes.length };
}

/** Without the beginning of a character that a cut at any byte left at the end. */
export function withoutCutCharacter(bytes: Buffer, encoding: Encoding): Buffer {
  if (encoding === 'latin1') return bytes;
  if (encoding !== 'utf-8') {
    const whole = bytes.length & ~1;
    const high = bytes[whole - (encoding === 'utf-16le' ? 1 : 2)] ?? 0;
    return bytes.subarray(0, (high & 0xfc) === 0xd8 ? whole - 2 : whole);
  }
  let lead = bytes.length - 1;
  while (lead > bytes.length - 4 && ((bytes[lead] ?? 0) & 0xc0) === 0x80) lead--;
  const first = bytes[lead] ?? 0;
  const wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return bytes.length - lead < wanted ? bytes.subarray(0, lead) : bytes;
}
