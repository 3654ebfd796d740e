/**
 * Writes a span of logs down within a budget of tokens, for a model or a person: totals, histogram, new errors, errors, bursts, what
 * changed, rare, most frequent, in this order. The same input gives the same bytes.
 *
 * Log text is written by attackers too, and so are names, versions and keys: they only ever stand in code, escaped, where nothing in them
 * can end it.
 */
export interface DigestSection {
  readonly name: string;
  /** Whole entries, most important first; they fit or they are left out. */
  readonly entries: readonly string[];
}

export interface Digest {
  readonly text: string;
  readonly tokens: number;
  readonly sections: readonly DigestSection[];
  /** Entries that did not fit, by section. */
  readonly leftOut: Readonly<Record<string, number>>;
}

const bytesPerToken = 3;
/** For the closing lines, which say what was left out. */
const reservedTokens = 80;

/** One token for three bytes of UTF-8: more than models count for prose, about what they count for ids and paths. */
export function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

/** @param head is always there. */
export function fitted(head: string, sections: readonly DigestSection[], budget: number): Digest {
  let text = head;
  let tokens = tokensOf(head) + reservedTokens;
  const shown: DigestSection[] = [];
  const leftOut: Record<string, number> = {};
  for (const { name, entries } of sections) {
    if (entries.length === 0) continue;
    const title = `\n## ${name}\n\n`;
    const fitting: string[] = [];
    let own = tokensOf(title);
    for (const entry of entries) {
      const cost = tokensOf(entry);
      if (tokens + own + cost > budget) break;
      own += cost;
      fitting.push(entry);
    }
    if (fitting.length > 0) {
      tokens += own;
      text += `${title}${fitting.join('')}`;
      shown.push({ name, entries: fitting });
    }
    if (fitting.length < entries.length) leftOut[name] = entries.length - fitting.length;
  }
  const rest = Object.entries(leftOut).map(([name, count]) => `${count} of "${name}"`);
  text += rest.length === 0 ? '\nNothing was left out.\n' : `\nLeft out for want of room: ${rest.join(', ')}.\n`;
  return { text, tokens: tokensOf(text), sections: shown, leftOut };
}

const maxQuoted = 240;
/** Control and format characters, what turns the direction of text, what has no width, what only modifies the character before it. */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Log text as data: one line, nothing that is not seen, no backtick that could end the block. */
export function fenced(message: string): string {
  return `  \`\`\`log\n  ${quoted(message)}\n  \`\`\`\n`;
}

/** The same within a line of ours: whatever a program or a sender named stands like this, names and keys as well as messages. */
export function code(text: string): string {
  return text === '' ? '(empty)' : `\`${quoted(text)}\``;
}

function quoted(text: string): string {
  const visible = text
    .slice(0, maxQuoted + 1)
    .toWellFormed()
    .replaceAll(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .replaceAll('`', "'");
  return visible.length <= maxQuoted ? visible : `${visible.slice(0, maxQuoted).toWellFormed()}...`;
}
