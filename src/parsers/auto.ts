/**
 * Finds a source's format by itself: what fitted the line before is tried first, so a file costs one parse a line; a line that
 * does not fit is looked at by every parser, and the likeliest that reads it is the new choice. Plain text reads everything.
 */
import type { ParseResult, Parser, ParserKind, ParserOptions } from './parser.ts';

interface Choice {
  readonly name: string;
  readonly kind: ParserKind;
  readonly parser: Parser;
}

/** A parser this sure of a line is not overruled by the line before. */
const surely = 0.75;

export class AutoParser implements Parser {
  readonly #choices: readonly Choice[];
  readonly #fallback: Choice;
  #chosen: Choice;
  #lastUsed: Choice;

  /** @param fallback name of the parser that reads everything. */
  constructor(kinds: Readonly<Record<string, ParserKind>>, fallback: string, options: ParserOptions) {
    this.#choices = Object.entries(kinds).map(([name, kind]) => ({ name, kind, parser: kind.create(options) }));
    const last = this.#choices.find(({ name }) => name === fallback);
    if (last === undefined) throw new Error(`no parser named ${fallback}`);
    this.#fallback = last;
    this.#chosen = last;
    this.#lastUsed = last;
  }

  /** The format of the last line that had one. */
  get chosen(): string {
    return this.#chosen.name;
  }

  /** The format that read the last line. */
  get lastUsed(): string {
    return this.#lastUsed.name;
  }

  parse(text: string): ParseResult {
    if (this.#chosen !== this.#fallback && this.#chosen.kind.likelihood(text) >= surely) {
      const result = this.#chosen.parser.parse(text);
      if (result.ok) return this.#readBy(this.#chosen, result);
    }
    const best = this.#likeliest(text);
    const result = best.parser.parse(text);
    if (!result.ok) return this.#readBy(this.#fallback, this.#fallback.parser.parse(text));
    if (best !== this.#fallback) this.#chosen = best;
    return this.#readBy(best, result);
  }

  #likeliest(text: string): Choice {
    let best: Choice = this.#fallback;
    let bestLikelihood = 0;
    for (const choice of this.#choices) {
      const likelihood = choice.kind.likelihood(text);
      if (likelihood > bestLikelihood) [best, bestLikelihood] = [choice, likelihood];
    }
    return best;
  }

  #readBy(choice: Choice, result: ParseResult): ParseResult {
    this.#lastUsed = choice;
    return result;
  }
}
