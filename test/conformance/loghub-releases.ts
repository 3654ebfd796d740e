/**
 * The comparison of two releases made of the loghub samples: real messages of 160 of their templates, traffic that grows by half, 40 changes
 * injected (test/pattern/two-releases.ts). Each seed has other templates and other changes, and two halves of one release; three of them, or as
 * many as REGRESSION_SEEDS says.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../random.ts';
import { changesOfHalves, judgedReleases } from '../pattern/judged-releases.ts';
import type { Said } from '../pattern/two-releases.ts';
import { readCsv } from './loghub.ts';
import type { Case } from './run.ts';

const kind = 'loghub_releases';
const seeds = Array.from({ length: Number(process.env['REGRESSION_SEEDS'] ?? 3) }, (_, index) => index + 1);
const rows = 22_000;
const halfRows = 50_000;
const mostMissed = 2;
const mostFalse = 2;
/** A part of a template that takes no more values is one to which a release may bring a new one. */
const fewValues = 8;

export async function loghubReleaseCases(folder: string): Promise<Case[]> {
  const only = process.argv.slice(3);
  const path = join(folder, 'loghub_2k');
  if (!existsSync(path) || (only.length > 0 && !only.some((prefix) => kind.startsWith(prefix)))) return [];
  const all = readdirSync(path).flatMap((system) => saidBy(join(path, system), system));
  console.log(`two releases of ${all.length} templates\nseed     lines  found  false  false in halves`);
  const cases: Case[] = [];
  for (const seed of seeds) {
    const { lines, injected, missed, falseAlarms } = await judgedReleases(seed, rows, all);
    const halves = await changesOfHalves(seed, halfRows, all);
    const found = injected.length - missed.length;
    console.log(
      `${String(seed).padEnd(6)}${String(lines).padStart(8)}${`${found}/${injected.length}`.padStart(7)}${String(falseAlarms.length).padStart(7)}${String(halves.length).padStart(17)}`,
    );
    for (const one of missed) console.log(`      missed: ${one.kind} of ${one.name}`);
    for (const change of falseAlarms)
      console.log(`      false: ${change.kind} of ${change.template}: ${change.because}`);
    const failures = [
      ...(missed.length > mostMissed ? [`${missed.length} missed`] : []),
      ...(falseAlarms.length > mostFalse ? [`${falseAlarms.length} false`] : []),
      ...halves.map((change) => `in halves ${change.kind} of ${change.template}: ${change.because}`),
    ];
    cases.push({ kind, name: `seed ${seed}`, failure: failures.length === 0 ? undefined : failures.join('; ') });
  }
  return cases;
}

function saidBy(folder: string, system: string): Said[] {
  const path = join(folder, `${system}_2k.log_structured_corrected.csv`);
  if (!existsSync(path)) return [];
  const [columns = [], ...lines] = readCsv(readFileSync(path, 'utf8'));
  const cell = (row: readonly string[], column: string): string => row[columns.indexOf(column)] ?? '';
  const byTemplate = Map.groupBy(lines, (row) => cell(row, 'EventTemplate'));
  return [...byTemplate].map(([template, own]) => {
    const messages = own.map((row) => cell(row, 'Content'));
    const value = fewValued(template, messages);
    return {
      name: `${system}: ${template}`,
      source: `/var/log/${system}.log`,
      text: (random: Random) => messages[random.integer(0, messages.length - 1)] ?? '',
      newValue: value === null ? null : value.fresh,
      textWithNewValue: () => value?.text ?? '',
    };
  });
}

/** A message with a value, of the same form as the others, where the template has a variable that takes few. */
function fewValued(template: string, messages: readonly string[]): { fresh: string; text: string } | null {
  const words = template.split(' ');
  const place = words.indexOf('<*>');
  const own = messages.map((message) => message.split(' ')).filter(({ length }) => length === words.length);
  const values = new Set(own.map((message) => message[place] ?? ''));
  const [first] = own;
  if (place < 1 || first === undefined || own.length < messages.length || values.size > fewValues) return null;
  const fresh = otherOf(first[place] ?? '');
  return values.has(fresh) ? null : { fresh, text: first.with(place, fresh).join(' ') };
}

/** Digits for digits and letters for letters. */
function otherOf(value: string): string {
  return value
    .replaceAll(/\d/g, (digit) => String((Number(digit) + 3) % 10))
    .replaceAll(/[g-z]/g, (letter) => (letter === 'g' ? 'z' : String.fromCharCode(letter.charCodeAt(0) - 1)));
}
