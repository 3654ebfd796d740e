/**
 * The TAG of RFC 3164 section 4.1.3 and what stands behind it: `name[pid]: `, `name: `, `name[pid] (sender): `. Read by hand, since every
 * message has one and a regular expression with named groups costs as much as all the rest of its header.
 */
export interface Tag {
  readonly name?: string;
  readonly pid?: string | undefined;
  /** macOS: on whose behalf launchd and others speak, `com.apple.xpc.launchd[1] (com.apple.quicklook[1010]): text`. */
  readonly sender?: string | undefined;
  /** Where the message begins. */
  readonly end: number;
}

const sender = / ?\((?<sender>[\w.-]+(?:\[\d+\])?)\): /y;
const program = /^%?[A-Za-z][\w./%()@#+-]*$/;

const SPACE = 0x20;
const COLON = 0x3a;
const OPENING = 0x5b;
const PARENTHESIS = 0x28;

/** By code: what a name is made of, `[\w./%()@#+-]`. */
const isNameCode = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./%()@#+-') {
  isNameCode[character.charCodeAt(0)] = 1;
}

/**
 * A tag ends in `: `, `:` or `[pid]`; what looks like a URL scheme, a quote or a brace is message.
 *
 * @param hasTime without a timestamp there is no header: only what could be a program's name is one.
 */
export function readTag(text: string, at: number, hasTime: boolean): Tag {
  let nameEnd = at;
  while (nameEnd < text.length && isOfName(text.charCodeAt(nameEnd))) nameEnd++;
  if (nameEnd === at) return { end: at };
  const pidEnd = text.charCodeAt(nameEnd) === OPENING ? pidEndAt(text, nameEnd + 1) : -1;
  const end = pidEnd < 0 ? colonEnd(text, nameEnd) : behindPid(text, pidEnd);
  if (end < 0) return { end: at };
  const name = text.slice(at, nameEnd);
  if (!hasTime && !program.test(name)) return { end: at };
  if (pidEnd < 0) return { name, end };
  const pid = text.slice(nameEnd + 1, pidEnd);
  const next = text.charCodeAt(end);
  if (next !== SPACE && next !== PARENTHESIS) return { name, pid, end };
  sender.lastIndex = end;
  const address = sender.exec(text)?.groups?.['sender'];
  return { name, pid, sender: address, end: address === undefined ? end : sender.lastIndex };
}

function isOfName(code: number): boolean {
  return code < isNameCode.length && isNameCode[code] === 1;
}

/** Index of the `]` of a pid, which has no blanks; -1 when there is none. */
function pidEndAt(text: string, from: number): number {
  const end = text.indexOf(']', from);
  if (end < 0) return -1;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code > 0x7e) return /\s/.test(text.slice(at, end)) ? -1 : end;
  }
  return end;
}

/** Behind `]`, `]:`, `] ` or `]: `. */
function behindPid(text: string, pidEnd: number): number {
  let end = pidEnd + 1;
  if (text.charCodeAt(end) === COLON) end++;
  return text.charCodeAt(end) === SPACE ? end + 1 : end;
}

/** Behind `:` or `: ` which no `//` follows; -1 when there is no such colon. */
function colonEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== COLON) return -1;
  if (text.charCodeAt(at + 1) === SPACE && !text.startsWith('//', at + 2)) return at + 2;
  return text.startsWith('//', at + 1) ? -1 : at + 1;
}
