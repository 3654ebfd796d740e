/**
 * Finds what must not be stored: each finder gives its text back with the secrets replaced. All patterns are linear: what repeats is
 * bounded or cannot begin again inside itself.
 */
import { isIPv4, isIPv6 } from 'node:net';

export const secretKinds = ['credentials', 'bearer_tokens', 'emails', 'card_numbers', 'ip_addresses'] as const;

export type SecretKind = (typeof secretKinds)[number];

export const descriptionOfKinds =
  '`credentials` (values of keys like password, token, api_key, and of Authorization and Cookie headers), `bearer_tokens` (Bearer and ' +
  'Basic credentials, JSON web tokens, keys with a known prefix), `emails`, `card_numbers` (13 to 19 digits with a right Luhn digit), ' +
  '`ip_addresses`';

export type Finder = (text: string, replacement: string) => string;

const secretName =
  'passw(?:or)?d|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|session[_-]?id|otp';
/** The last part of a metadata key: `user.password`, `clientSecret`, `X-Api-Key`. */
const secretKey = new RegExp(`(?:${secretName}|authorization|cookie)s?$`, 'i');
/** A value: quoted, quoted inside quoted JSON (`\"`), or up to the next separator. */
const value = '(?:"(?:[^"\\\\]|\\\\.)*"|\\\\"[^"\\\\]*\\\\"|\'[^\']*\'|[^\\s,;&"\'\\\\}\\])]+)';
const keyValue = new RegExp(`((?:${secretName})s?(?:\\\\?["'])?\\s{0,4}(?:=>|[:=])\\s{0,4})${value}`, 'gi');
const authorization =
  /((?:proxy-)?authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)(?:(?:bearer|basic|digest|token|negotiate|apikey) {1,4})?[^\s,;"'\\]+/gi;
const cookie = /((?:set-)?cookie\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)[^"'\\\r\n]+/gi;

const bearer = /\b(bearer|basic) {1,4}[\w.~+/-]{8,}=*/gi;
/** RFC 7519: three base64url parts, the first of which begins `{"`. */
const jsonWebToken = /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const knownPrefix =
  /\b(?:gh[pousr]_\w{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}|AKIA[A-Z\d]{16}|xox[abprs]-[\w-]{10,255}|sk-[\w-]{20,255}|sk_live_\w{16,255})\b/g;

/** RFC 5321 section 4.5.3.1: 64 characters before the @; the domain has a dot. */
const email = /[\w.%+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){1,8}/g;
const digits = /(?<![\d.-])\d(?:[ -]?\d){12,18}(?!\.?\d)/g;
const fourNumbers = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g;
const hexGroups = /(?<![\w:])[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?![\w:])/gi;

/** True for metadata whose whole value is a secret by its name. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

export const finders: Readonly<Record<SecretKind, Finder>> = {
  credentials: (text, replacement) =>
    text
      .replaceAll(authorization, (_all, head: string) => head + replacement)
      .replaceAll(cookie, (_all, head: string) => head + replacement)
      .replaceAll(keyValue, (all, head: string) => head + quotedLike(all.slice(head.length), replacement)),
  bearer_tokens: (text, replacement) =>
    text
      .replaceAll(bearer, (_all, scheme: string) => `${scheme} ${replacement}`)
      .replaceAll(jsonWebToken, () => replacement)
      .replaceAll(knownPrefix, () => replacement),
  emails: (text, replacement) => (text.includes('@') ? text.replaceAll(email, () => replacement) : text),
  card_numbers: (text, replacement) =>
    text.replaceAll(digits, (number) => (hasLuhnDigit(number) ? replacement : number)),
  ip_addresses: (text, replacement) =>
    text
      .replaceAll(fourNumbers, (address) => (isIPv4(address) ? replacement : address))
      .replaceAll(hexGroups, (address) => (isIPv6(address) ? replacement : address)),
};

/** The quotes of what is replaced stay, so that JSON stays JSON. */
function quotedLike(before: string, replacement: string): string {
  const quote = /^\\?["']/.exec(before)?.[0] ?? '';
  return `${quote}${replacement}${quote}`;
}

/** ISO/IEC 7812-1 annex B: every second digit from the right doubled, the digits of all summed, a multiple of ten. */
function hasLuhnDigit(number: string): boolean {
  const figures = (number.match(/\d/g) ?? []).toReversed().map(Number);
  if (new Set(figures).size === 1) return false; // 0000 0000 0000 0000 is padding
  const sum = figures.reduce((total, figure, index) => {
    const doubled = index % 2 === 0 ? figure : figure * 2;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
