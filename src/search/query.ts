/**
 * The search language as data: what `q` becomes (parse-query.ts), what SQL is made of (store/thread/search-to-sql.ts) and what a
 * record in memory is held against (match.ts). Both give the same answers: the predicates are in predicates.ts.
 *
 * Plain objects, because it crosses into the store's threads.
 */
import type { Severity } from '../record/severity.ts';

export type Query =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | { readonly kind: 'severity'; readonly among: readonly Severity[] }
  | { readonly kind: 'test'; readonly field: Field; readonly test: Test };

/** A column of the row, or a metadata key. */
export type Field = { readonly column: Column } | { readonly metadata: string };

export type Column = 'id' | 'timestamp' | 'severity' | 'application' | 'version' | 'environment' | 'source' | 'message';

/** What a field's text must satisfy. A field that a row does not have satisfies none. */
export type Test =
  | { readonly kind: 'exists' }
  /** Exactly this text. */
  | { readonly kind: 'is'; readonly value: string }
  /** Begins with this text. */
  | { readonly kind: 'starts'; readonly value: string }
  /** Contains this text, upper and lower case alike (ASCII). */
  | { readonly kind: 'contains'; readonly value: string }
  /** Contains a word that begins with this text, upper and lower case alike (ASCII). */
  | { readonly kind: 'word_starts'; readonly value: string }
  /** Is a message of this pattern: masked, its words are those of the template, or stand where that has a variable. */
  | { readonly kind: 'fits'; readonly template: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly ignoreCase: boolean }
  /**
   * `number`: what is no number does not satisfy it. `text`: in natural order, digits by their value, so that 1.10.0 comes
   * after 1.9.3.
   */
  | { readonly kind: 'compare'; readonly operator: Operator; readonly value: string; readonly as: 'number' | 'text' };

export type Operator = '>' | '>=' | '<' | '<=';

/** A question's text beside its meaning: cursors are bound to the text, since relative times mean something else each time. */
export interface SearchText {
  readonly text: string;
  readonly query: Query;
}
