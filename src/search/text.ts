/**
 * Reads the free text of a question: words and "quoted phrases", all of which must occur.
 */
import { RegressionError } from '../runtime/errors.ts';

/** @throws RegressionError `QUERY_INVALID` naming the column of a quote that is not closed. */
export function readText(text: string): readonly string[] {
  const terms: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)("?)|([^\s"]+))/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [all, phrase, closing, word] = match;
    if (phrase !== undefined && closing === '') {
      throw new RegressionError(
        'QUERY_INVALID',
        `q: column ${match.index + all.indexOf('"') + 1}: the quote is not closed`,
        {
          hint: 'Close the phrase with ", or write \\" inside it.',
        },
      );
    }
    const term = word ?? phrase?.replaceAll(/\\(.)/g, '$1') ?? '';
    if (term !== '') terms.push(term);
  }
  return terms;
}
