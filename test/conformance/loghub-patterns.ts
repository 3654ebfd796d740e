/**
 * Grouping accuracy on the loghub samples, over the message column and the corrected templates, with the one configuration there is.
 *
 * GA: the share of lines whose group is exactly the group of their template. FGA: the harmonic mean of the shares of our groups, and of
 * the published ones, that are exactly right (Khan et al., ICSE 2022; Jiang et al., ISSTA 2024). Every system below the folder is read.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Masker } from '../../src/pattern/mask.ts';
import { TemplateTree, type WordsNeeded, wordsNeeded } from '../../src/pattern/template-tree.ts';
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
  const systems = readdirSync(path).flatMap((system) => sampleOf(join(path, system), system));
  if (systems.length === 0) return [];
  const accuracies = systems.map((sample) => accuracyOf(sample, wordsNeeded));
  const ga = meanOf(accuracies, ({ ga: own }) => own);
  const fga = meanOf(accuracies, ({ fga: own }) => own);
  print(['system', 'GA', 'FGA', 'groups', 'published']);
  for (const { system, ga: own, fga: ownF, groups, published } of accuracies) {
    print([system, own.toFixed(3), ownF.toFixed(3), String(groups), String(published)]);
  }
  print(['mean', ga.toFixed(3), fga.toFixed(3), '', '']);
  printLeaveOneOut(systems);
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

/**
 * The numbers of words that make a place a variable are all that could be tuned. For each system: those that are best for the seven others,
 * and what they make of the eighth, which they never saw.
 */
function printLeaveOneOut(systems: readonly Sample[]): void {
  const choices = [2, 3, 4, 6].flatMap((introduced) =>
    [8, 16, 24].flatMap((capitals) => [12, 24, 48].map((other): WordsNeeded => ({ introduced, capitals, other }))),
  );
  const tried = choices.map((choice) => ({ choice, accuracies: systems.map((sample) => accuracyOf(sample, choice)) }));
  print(['left out', 'GA', 'FGA', 'chosen by the others (introduced, capitals, other)']);
  const left = systems.map(({ system }, index) => {
    const best = tried.reduce((a, b) =>
      scoreWithout(b.accuracies, index) > scoreWithout(a.accuracies, index) ? b : a,
    );
    const { ga, fga } = best.accuracies[index] ?? { ga: 0, fga: 0 };
    print([system, ga.toFixed(3), fga.toFixed(3), Object.values(best.choice).join(', ')]);
    return { ga, fga };
  });
  const mean = (of: 'ga' | 'fga'): string => (left.reduce((sum, one) => sum + one[of], 0) / left.length).toFixed(3);
  print(['mean', mean('ga'), mean('fga')]);
}

function scoreWithout(accuracies: readonly Accuracy[], index: number): number {
  return meanOf(accuracies.toSpliced(index, 1), ({ ga, fga }) => ga + fga);
}

function meanOf(accuracies: readonly Accuracy[], of: (accuracy: Accuracy) => number): number {
  return accuracies.reduce((sum, accuracy) => sum + of(accuracy), 0) / accuracies.length;
}

interface Sample {
  readonly system: string;
  readonly messages: readonly string[];
  readonly templates: readonly string[];
}

function sampleOf(folder: string, system: string): Sample[] {
  const path = join(folder, `${system}_2k.log_structured_corrected.csv`);
  if (!existsSync(path)) return [];
  const [columns = [], ...rows] = readCsv(readFileSync(path, 'utf8'));
  const cells = (column: string): string[] => rows.map((row) => row[columns.indexOf(column)] ?? '');
  return [{ system, messages: cells('Content'), templates: cells('EventTemplate') }];
}

function accuracyOf({ system, messages, templates }: Sample, needed: WordsNeeded): Accuracy {
  const found = groupsOf(patternsOf(messages, needed));
  const published = groupsOf(templates);
  const exact = new Set(published.map((lines) => lines.join(',')));
  const right = found.filter((lines) => exact.has(lines.join(',')));
  const precision = right.length / found.length;
  const recall = right.length / published.length;
  return {
    system,
    ga: right.reduce((sum, lines) => sum + lines.length, 0) / messages.length,
    fga: right.length === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    groups: found.length,
    published: published.length,
  };
}

/** The pattern of each message once all have been seen: what was merged later counts as merged. */
function patternsOf(messages: readonly string[], needed: WordsNeeded): string[] {
  const aliases = new Map<string, string>();
  const masker = new Masker();
  const tree = new TemplateTree({
    maxPatterns: 10_000,
    wordsNeeded: needed,
    onMerged: (from, into) => aliases.set(from.id, into.id),
  });
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
