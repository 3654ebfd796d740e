/**
 * Grouping accuracy on the loghub samples, over the message column and the corrected templates, with the one configuration there is.
 *
 * GA: the share of lines whose group is exactly the group of their template. FGA: the harmonic mean of the shares of our groups, and of
 * the published ones, that are exactly right (Khan et al., ICSE 2022; Jiang et al., ISSTA 2024). Every system below the folder is read.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Masker } from '../../src/pattern/mask.ts';
import { TemplateTree } from '../../src/pattern/template-tree.ts';
import { readCsv } from './loghub.ts';
import type { Case } from './run.ts';

const kind = 'loghub_patterns';
const leastMeanGa = 0.9;
const leastMeanFga = 0.85;

interface Accuracy {
  readonly system: string;
  readonly ga: number;
  readonly fga: number;
  readonly groups: number;
  readonly published: number;
}

export function loghubPatternCases(folder: string): Case[] {
  const only = process.argv.slice(3);
  const path = join(folder, 'loghub_2k');
  if (!existsSync(path) || (only.length > 0 && !only.some((prefix) => kind.startsWith(prefix)))) return [];
  const accuracies = readdirSync(path).flatMap((system) => accuracyOf(join(path, system), system));
  if (accuracies.length === 0) return [];
  const mean = (of: (accuracy: Accuracy) => number): number =>
    accuracies.reduce((sum, accuracy) => sum + of(accuracy), 0) / accuracies.length;
  const ga = mean((accuracy) => accuracy.ga);
  const fga = mean((accuracy) => accuracy.fga);
  print(['system', 'GA', 'FGA', 'groups', 'published']);
  for (const { system, ga: own, fga: ownF, groups, published } of accuracies) {
    print([system, own.toFixed(3), ownF.toFixed(3), String(groups), String(published)]);
  }
  print(['mean', ga.toFixed(3), fga.toFixed(3), '', '']);
  const atLeast = (name: string, value: number, least: number): Case => ({
    kind,
    name,
    failure: value >= least ? undefined : `${value.toFixed(3)}, expected at least ${least}`,
  });
  return [atLeast('mean GA', ga, leastMeanGa), atLeast('mean FGA', fga, leastMeanFga)];
}

function print([system = '', ...figures]: readonly string[]): void {
  console.log(`${system.padEnd(14)}${figures.map((figure) => figure.padStart(10)).join('')}`);
}

function accuracyOf(folder: string, system: string): Accuracy[] {
  const path = join(folder, `${system}_2k.log_structured_corrected.csv`);
  if (!existsSync(path)) return [];
  const [columns = [], ...rows] = readCsv(readFileSync(path, 'utf8'));
  const cell = (row: readonly string[], column: string): string => row[columns.indexOf(column)] ?? '';
  const found = groupsOf(patternsOf(rows.map((row) => cell(row, 'Content'))));
  const published = groupsOf(rows.map((row) => cell(row, 'EventTemplate')));
  const exact = new Set(published.map((lines) => lines.join(',')));
  const right = found.filter((lines) => exact.has(lines.join(',')));
  const precision = right.length / found.length;
  const recall = right.length / published.length;
  return [
    {
      system,
      ga: right.reduce((sum, lines) => sum + lines.length, 0) / rows.length,
      fga: right.length === 0 ? 0 : (2 * precision * recall) / (precision + recall),
      groups: found.length,
      published: published.length,
    },
  ];
}

/** The pattern of each message once all have been seen: what was merged later counts as merged. */
function patternsOf(messages: readonly string[]): string[] {
  const aliases = new Map<string, string>();
  const masker = new Masker();
  const tree = new TemplateTree({ maxPatterns: 10_000, onMerged: (from, into) => aliases.set(from.id, into.id) });
  const ids = messages.map((message) => tree.match(masker.mask(message)).id);
  const resolve = (id: string): string => {
    const into = aliases.get(id);
    return into === undefined ? id : resolve(into);
  };
  return ids.map(resolve);
}

/** The line numbers of each group. */
function groupsOf(keys: readonly string[]): number[][] {
  return [...Map.groupBy(keys.keys(), (line) => keys[line] ?? '').values()];
}
