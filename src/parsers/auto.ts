/**
 * Finds a source's format by itself: what fitted the line before is tried first, so a file costs one parse a line; a line that
 * does not fit is looked at by every parser, and the likeliest that reads it is the new choice. Plain text reads everything.
 */
import type { ParseResult, Parser, ParserKind, ParserOptions } from './parser.ts';

interface Choice {
  readonly name: string;
  readonly kind: ParserKind;
  readonly parser: Parser;
  /** Entries it read, older ones counting less. */
  uses: number;
}

/** After so many entries the counts are halved, so that a file that changes its format is soon said to be of the new one. */
const entriesPerHalving = 256;

/** A parser this sure of a line is not overruled by the line before. */
const surely = 0.75;

/** Most lines of plain text are for no other parser. */
const none: { readonly choice: Choice; readonly likelihood: number }[] = [];

export class AutoParser implements Parser {
  readonly #choices: readonly Choice[];
  readonly #fallback: Choice;
  /** What fitted last: tried first. */
  #preferred: Choice;
  #lastUsed: Choice;
  #entries = 0;
  #why = 'nothing read yet';

  /** @param fallback name of the parser that reads everything. */
  constructor(kinds: Readonly<Record<string, ParserKind>>, fallback: string, options: ParserOptions) {
    this.#choices = Object.entries(kinds).map(([name, kind]) => ({
      name,
      kind,
      parser: kind.create(options),
      uses: 0,
    }));
    const last = this.#choices.find(({ name }) => name === fallback);
    if (last === undefined) throw new Error(`no parser named ${fallback}`);
    this.#fallback = last;
    this.#preferred = last;
    this.#lastUsed = last;
  }

  /** The format that read most of the last entries. */
  get chosen(): string {
    return this.#choices.reduce((best, choice) => (choice.uses > best.uses ? choice : best), this.#fallback).name;
  }

  get choice(): { readonly format: string; readonly why: string } {
    return { format: this.#lastUsed.name, why: this.#why };
  }

  parse(text: string): ParseResult {
    if (this.#preferred !== this.#fallback && this.#preferred.kind.likelihood(text) >= surely) {
      const result = this.#preferred.parser.parse(text);
      if (result.ok) return this.#readBy(this.#preferred, result, 'as the entry before');
    }
    return this.#parseByLikeliest(text);
  }

  #parseByLikeliest(text: string): ParseResult {
    let refused = '';
    for (const { choice, likelihood } of this.#candidates(text)) {
      const result = choice.parser.parse(text);
      if (result.ok) {
        this.#preferred = choice;
        return this.#readBy(choice, result, `the likeliest, ${likelihood}${refused}`);
      }
      refused += `; ${choice.name} refused: ${result.reason}`;
    }
    return this.#readBy(this.#fallback, this.#fallback.parser.parse(text), `no other format fits${refused}`);
  }

  /** Every parser that the text could be for, the surest first; those registered first come first among equals. */
  #candidates(text: string): readonly { readonly choice: Choice; readonly likelihood: number }[] {
    let candidates: { readonly choice: Choice; readonly likelihood: number }[] = none;
    for (const choice of this.#choices) {
      if (choice === this.#fallback) continue;
      const likelihood = choice.kind.likelihood(text);
      if (likelihood === 0) continue;
      if (candidates === none) candidates = [{ choice, likelihood }];
      else candidates.push({ choice, likelihood });
    }
    return candidates.length < 2 ? candidates : candidates.sort((a, b) => b.likelihood - a.likelihood);
  }

  #readBy(choice: Choice, result: ParseResult, why: string): ParseResult {
    this.#lastUsed = choice;
    this.#why = why;
    choice.uses++;
    if (++this.#entries % entriesPerHalving === 0) for (const each of this.#choices) each.uses /= 2;
    return result;
  }
}
