/**
 * Regular expressions of users: RE2 syntax, matched in linear time whatever the text (RE2JS, a port of Google's RE2).
 *
 * JavaScript's own engine backtracks: `(a+)+$` over one hostile line would stop the daemon. Lookahead, lookbehind and
 * backreferences do not exist here; compiling one says so. Our own fixed patterns use the built-in engine, which is faster,
 * and each is tested to be linear.
 */
import { createRequire } from 'node:module';
import type * as re2js from 're2js';
import { messageOf } from './errors.ts';

const require = createRequire(import.meta.url);
let engine: typeof re2js.RE2JS | undefined;

/** Loaded with the first pattern: its tables take a megabyte in each thread that might meet one, and most never do. */
const re2 = (): typeof re2js.RE2JS => (engine ??= (require('re2js') as typeof re2js).RE2JS);

export interface LinearPatternOptions {
  readonly ignoreCase?: boolean;
}

export class LinearPattern {
  readonly source: string;
  /** The names of the groups `(?<name>...)`, in their order. */
  readonly groupNames: readonly string[];
  readonly #pattern: re2js.RE2JS;

  /** @throws Error that names what is wrong with `source`. */
  constructor(source: string, { ignoreCase = false }: LinearPatternOptions = {}) {
    this.source = source;
    try {
      this.#pattern = re2().compile(source, ignoreCase ? re2().CASE_INSENSITIVE : 0);
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
      throw new Error(`/${source}/ is not a regular expression (RE2 syntax): ${why}`, { cause: error });
    }
    const groups = Object.entries(this.#pattern.namedGroups());
    this.groupNames = groups.sort(([, a], [, b]) => a - b).map(([name]) => name);
  }

  /** True when the pattern matches somewhere in `text`. */
  test(text: string): boolean {
    return this.#pattern.test(text);
  }

  /** The named groups that took part in the first match, in their order; null when nothing matches. */
  groupsIn(text: string): Map<string, string> | null {
    const matcher = this.#pattern.matcher(text);
    if (!matcher.find()) return null;
    const groups = new Map<string, string>();
    for (const name of this.groupNames) {
      const value = matcher.group(name);
      if (value !== null) groups.set(name, value);
    }
    return groups;
  }

  /** `text` with every match replaced; `replacement` stands for itself, `$` included. */
  replaceAll(text: string, replacement: string): string {
    return this.#pattern.matcher(text).replaceAll(re2().quoteReplacement(replacement));
  }
}

/** For schemas and flags: why `source` is no pattern; null when it is one. */
export function patternProblem(source: string): string | null {
  try {
    void new LinearPattern(source);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
