/** Rows in aligned columns, for people. */
import { printable } from '../query/row-text.ts';

const maxCellWidth = 200;

export function tableText(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const lines = [columns, ...rows].map((cells) => columns.map((_, index) => cellText(cells[index])));
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => cells[index]?.length ?? 0)));
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function cellText(value: unknown): string {
  const text = value === null || value === undefined ? '' : printable(String(value)).replaceAll('\n', ' ');
  return text.length <= maxCellWidth ? text : `${text.slice(0, maxCellWidth - 1)}…`;
}
