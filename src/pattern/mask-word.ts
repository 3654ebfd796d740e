/**
 * The masks of one word: pairs, addresses, times, paths, numbers and ids, by their form alone.
 *
 * Every pattern is anchored and linear; each is tried only where the punctuation it needs is there.
 */
import { digit, isDigitAt, kindOf, letter } from './characters.ts';
import { durationUnits, sizeUnits } from './fold.ts';

/** A word with a digit or a special character. Brackets, quotes and punctuation around it stay where they are. */
export function maskWord(raw: string, hasDigit: boolean): string {
  const isQuotedValue = raw.includes('="');
  let start = 0;
  let end = raw.length;
  while (start < end && isOpening(raw.charCodeAt(start))) start++;
  while (end > start && isClosing(raw.charCodeAt(end - 1))) {
    if (isQuotedValue && raw.charAt(end - 1) === '"') break; // it closes the value
    end--;
  }
  if (start === end) return raw;
  const core = start === 0 && end === raw.length ? raw : raw.slice(start, end);
  const masked = isBare(core) ? maskBare(core, hasDigit) : maskCore(core, hasDigit);
  if (core.length === raw.length) return masked;
  // [::1]:443 is one address
  if (masked === '<ip>' && raw.charAt(start - 1) === '[' && core.includes(']')) start--;
  return raw.slice(0, start) + masked + raw.slice(end);
}

/** Nothing but letters and digits, as most words: none of the forms that punctuation makes. */
function isBare(core: string): boolean {
  for (let at = 0; at < core.length; at++) if (!isWordCharacter(core.charCodeAt(at))) return false;
  return true;
}

function maskBare(core: string, hasDigit: boolean): string {
  return hasDigit ? maskPart(core) : core;
}

function maskCore(core: string, hasDigit: boolean): string {
  if (core.includes('://')) return '<url>';
  if (core.indexOf('=') > 0) return maskPairs(core);
  if (hasDigit) {
    const address = addressMask(core);
    if (address !== null) return address;
  }
  const inner = innerStart(core);
  if (inner > 0) return core.slice(0, inner) + maskWord(core.slice(inner), hasDigit);
  const path = pathMask(core);
  if (path !== null) return path;
  if (core.includes('@') && /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/.test(core)) return '<email>';
  return hasDigit ? maskParts(core) : core;
}

/** Where the value begins in `chdir(/tmp`, `src:/10.0.0.7:80`; 0 where there is none: what stands before is a name, and stays. */
function innerStart(core: string): number {
  for (let at = 0; at < core.length - 1; at++) {
    const code = core.charCodeAt(at);
    if (code === 40 || code === 91 || code === 123) return at + 1;
    // One letter and a colon is a drive.
    if (code === 58) return at > 1 && core.charCodeAt(at + 1) !== 58 && core.charCodeAt(at + 1) !== 92 ? at + 1 : 0;
    if (code === 47 || code === 92 || kindOf(code) === digit) return 0;
  }
  return 0;
}

/** `a=1,b=two` to `a=<val>,b=<val>`: what stands behind an equals sign is a value, whatever it looks like. */
function maskPairs(core: string): string {
  let masked = '';
  let at = 0;
  while (at < core.length) {
    const equals = core.indexOf('=', at);
    if (equals < 0) break;
    let end = equals + 1;
    const isQuoted = core.charAt(end) === '"';
    if (isQuoted) end = Math.max(core.indexOf('"', end + 1), end) + 1;
    while (end < core.length && !',;&)]}'.includes(core.charAt(end))) end++;
    masked += maskKey(core.slice(at, equals)) + (end === equals + 1 ? '=' : '=<val>');
    at = end;
    while (at < core.length && !isWordCharacter(core.charCodeAt(at))) masked += core.charAt(at++);
  }
  const rest = core.slice(at);
  return rest === '' ? masked : masked + maskParts(rest);
}

function isWordCharacter(code: number): boolean {
  return (kindOf(code) & (digit | letter)) !== 0;
}

function maskKey(key: string): string {
  for (let at = 0; at < key.length; at++) if (isDigitAt(key, at)) return maskParts(key);
  return key;
}

const ipv4 = /^\/?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:[:/]\d{1,5})?$/;
const ipv6 = /^\[?[0-9a-fA-F]{0,4}:(?:[0-9a-fA-F]{0,4}:){1,6}[0-9a-fA-F]{0,4}(?:%\w+)?\]?(?:[:/]\d{1,5})?$/;
const mac = /^[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5,7}$/;
const hostAndPort = /^(?:[a-zA-Z0-9*_-]+\.)*[a-zA-Z0-9_-]+(?:\/\d{1,3}(?:\.\d{1,3}){3})?:\d{2,5}$/;
const clock = /^\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;
const date =
  /^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[T_-]\d{2}:?\d{2}(?::?\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const uuid = /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/;

/** Forms that need the whole word; each is tried only where its punctuation is there. */
function addressMask(core: string): string | null {
  const colon = core.indexOf(':');
  if (core.includes('.') && ipv4.test(core)) return '<ip>';
  if (colon >= 0) {
    if (clock.test(core)) return '<time>';
    if (mac.test(core)) return '<mac>';
    if (core.indexOf(':', colon + 1) > 0 && ipv6.test(core)) return '<ip>';
    if (hostAndPort.test(core) && core.includes('.')) return '<host>';
  }
  if (core.length >= 8 && (core.includes('-') || core.includes('/') || core.includes('.')) && date.test(core))
    return '<time>';
  if (core.length === 36 && uuid.test(core)) return '<uuid>';
  return null;
}

/** Absolute paths, paths of Windows, and relative ones of two steps and more. */
function pathMask(core: string): string | null {
  const slash = core.indexOf('/');
  if (slash >= 0) {
    if (slash === 0 && core.length > 1) return '<path>';
    if ((slash === 1 && '~.'.includes(core.charAt(0))) || (slash === 2 && core.startsWith('..'))) return '<path>';
    if (slash > 0 && core.indexOf('/', slash + 1) > 0) return '<path>';
  }
  const backslash = core.indexOf('\\');
  return backslash >= 0 && (backslash === 2 || backslash === 0) && core.length > 3 ? '<path>' : null;
}

/**
 * Numbers and ids within a word: runs of letters and digits are looked at one by one, all else stays.
 * `blk_-77` is `blk_<num>`, `worker12` is `worker<num>`, `log4j` stays: one digit between letters is a name.
 */
function maskParts(core: string): string {
  let masked = '';
  let at = 0;
  const { length } = core;
  while (at < length) {
    if (!isWordCharacter(core.charCodeAt(at))) {
      masked += core.charAt(at++);
      continue;
    }
    const start = at;
    while (at < length) {
      const next = core.charCodeAt(at);
      if (!isWordCharacter(next)) {
        // 3.5, 1,024: one number
        const isPoint = next === 46 || next === 44;
        if (!(isPoint && isDigitAt(core, at - 1) && isDigitAt(core, at + 1) && isNumberFrom(core, start, at))) break;
      }
      at++;
    }
    const part = maskPart(core.slice(start, at));
    // A sign belongs to its number where a word cannot end before it.
    const isSigned = part === '<num>' && masked.endsWith('-') && !isWordEnd(masked, masked.length - 2);
    masked = isSigned ? masked.slice(0, -1) + part : masked + part;
  }
  return masked;
}

/** The end of the run is digits and points. */
function isNumberFrom(text: string, start: number, end: number): boolean {
  let from = start;
  while (from < end && !isDigitAt(text, from)) from++;
  return isNumber(text, from, end);
}

function isNumber(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code !== 46 && code !== 44 && kindOf(code) !== digit) return false;
  }
  return true;
}

function isWordEnd(text: string, at: number): boolean {
  if (at < 0) return false;
  const code = text.charCodeAt(at);
  return code === 62 || (kindOf(code) & (digit | letter)) !== 0;
}

/** One run of letters and digits, and of points between digits. */
export function maskPart(part: string): string {
  let digits = 0;
  let turns = 0;
  let first = -1;
  let isHex = true;
  /** All behind the first digit is digits and points. */
  let isTail = true;
  let isInDigits = false;
  const { length } = part;
  for (let at = 0; at < length; at++) {
    const code = part.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      if (!isInDigits) turns++;
      isInDigits = true;
      if (first < 0) first = at;
      digits++;
      continue;
    }
    isInDigits = false;
    if (isHex && !isHexLetter(code)) isHex = false;
    if (first >= 0 && code !== 46 && code !== 44) isTail = false;
  }
  if (digits === 0) return part;
  if (first === 0 && isTail) return '<num>';
  if (part.charCodeAt(0) === 48 && (part.charCodeAt(1) | 32) === 120 && isHexFrom(part, 2)) return '<hex>';
  if (isHex && length >= 4 && (digits >= 2 || length >= 8)) return '<hex>';
  if (isTail) return `${part.slice(0, first)}<num>`;
  const unit = first === 0 ? numberThenUnit.exec(part)?.[1]?.toLowerCase() : undefined;
  if (unit !== undefined)
    return sizeUnits.has(unit) ? '<size>' : durationUnits.has(unit) ? '<duration>' : `<num>${unit}`;
  if (turns >= 2 || digits >= 4 || length >= 20) return '<id>';
  return part;
}

const numberThenUnit = /^\d+(?:[.,]\d+)*([a-zA-Z]{1,4})$/;

function isHexFrom(part: string, start: number): boolean {
  for (let at = start; at < part.length; at++)
    if (!isHexLetter(part.charCodeAt(at)) && !isDigitAt(part, at)) return false;
  return part.length > start;
}

/** a to f, in capitals or not. */
function isHexLetter(code: number): boolean {
  return (code | 32) >= 97 && (code | 32) <= 102;
}

/** ([{<"'` */
function isOpening(code: number): boolean {
  return code === 40 || code === 91 || code === 123 || code === 60 || code === 34 || code === 39 || code === 96;
}

/** )]}>"'`,;:.!? */
function isClosing(code: number): boolean {
  // oxfmt-ignore
  return code === 41 || code === 93 || code === 125 || code === 62 || code === 34 || code === 39 || code === 96 ||
    code === 44 || code === 59 || code === 58 || code === 46 || code === 33 || code === 63;
}
