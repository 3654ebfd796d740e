/**
 * An operator's own format: a regular expression whose named groups are the fields, `^(?<time>\S+) (?<level>\w+) (?<message>.*)$`.
 *
 * Groups take the roles that their names have in structured logs (entry-fields.ts); a line that does not match is kept as it is.
 * Linear by its engine (runtime/linear-pattern.ts).
 */
import { EntryFields } from './entry-fields.ts';
import type { ParseResult, ParserKind } from './parser.ts';

export const regex: ParserKind = {
  description: 'a regular expression with named groups, given as `pattern`',
  likelihood: () => 0, // nobody but the operator can know it
  create: (options) => ({
    parse(text): ParseResult {
      const groups = options.pattern?.groupsIn(text);
      if (!groups) return { ok: false, reason: 'the pattern does not match' };
      const fields = new EntryFields(options);
      for (const [name, value] of groups) fields.add(name, value);
      return { ok: true, entry: fields.toEntry(text) };
    },
  }),
};
