/** A YAML file whose parts know their lines, for errors that name the place. What it must hold is the caller's to say. */
import { readFile } from 'node:fs/promises';
import { type Document, LineCounter, type Node, parseDocument } from 'yaml';
import { type ErrorCode, RegressionError, messageOf } from '../runtime/errors.ts';

export interface YamlText {
  /** Undefined where the text is no YAML. */
  readonly value: unknown;
  /** What is no YAML, each with its place from 1; empty when it is. */
  readonly broken: readonly { readonly line: number; readonly column: number; readonly message: string }[];
  /** Where `keys` stand, or the nearest that is there on the way to them; null when not even the first is. */
  readonly lineOf: (keys: readonly PropertyKey[]) => number | null;
}

/** `/etc/regression.yaml:12`; the file alone where there is no line. */
export function placeText(path: string, line: number | null): string {
  return line === null ? path : `${path}:${line}`;
}

/** @throws RegressionError with `code` when the file cannot be read. */
export async function readYamlText(path: string, code: ErrorCode, hint?: string): Promise<YamlText> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new RegressionError(code, `cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors.map(({ pos, message }) => {
    const { line, col } = lines.linePos(pos[0]);
    return { line, column: col, message };
  });
  if (broken.length > 0) return { value: undefined, broken, lineOf: () => null };
  return { value: document.toJS() as unknown, broken, lineOf: (keys) => lineOf(document, lines, keys) };
}

function lineOf(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): number | null {
  for (let length = keys.length; length > 0; length--) {
    const range = (document.getIn(keys.slice(0, length), true) as Node | undefined)?.range;
    if (range) return lines.linePos(range[0]).line;
  }
  return null;
}
