/** `regression compare` as a pipeline uses it: exit codes, JSON, JUnit. */
import { type Test, test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { diffSchema } from '../../src/query/pattern-schemas.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { aRecord } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { regressionHere } from './in-process.ts';

const releaseOf = (version: string) => ({ name: 'shop', version, environment: null });

/** Release 2 has a new error with letters that XML has no place for, and says one thing three times as often. */
async function twoReleases(t: Test): Promise<string> {
  const dataDir = await memoryDir(t);
  const said = (version: string, message: string, count: number, parts: Partial<LogRecord> = {}) =>
    Array.from({ length: count }, (_, index) =>
      aRecord({ application: releaseOf(version), message: message.replace('#', String(index)), ...parts }),
    );
  const usual = (version: string) =>
    ['order # accepted', 'cart # saved', 'mail # sent', 'stock # counted', 'page # shown', 'user # seen'].flatMap(
      (text) => said(version, text, 200),
    );
  const records = [
    ...usual('1'),
    ...usual('2'),
    ...said('1', 'payment # retried', 50),
    ...said('2', 'payment # retried', 200),
    ...said('2', 'ledger <# & "torn"> \u0007 ]]>', 20, { severity: 'ERROR' }),
  ];
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  const store = await openStore({ dataDir });
  await store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  await store.close();
  return dataDir;
}

void test(
  'a release gate exits 1 for what it is told to fail on, and 0 for all else',
  { timeout: 240_000 },
  async (t) => {
    const dataDir = await twoReleases(t);
    const gate = (...rules: string[]) =>
      regressionHere(['compare', '--baseline', '1', '--target', '2', '--data-dir', dataDir, ...rules], dataDir);

    const newError = await gate('--fail-on', 'new-error', '--json');
    t.equal(newError.code, 1);
    t.match(newError.stderr, '1 of 2 changes are ones to fail on');
    const answer = JSON.parse(newError.stdout) as { readonly failing: number };
    t.equal(diffSchema.loose().safeParse(answer).success, true, 'the JSON is what the API documents');
    t.match(answer, {
      failing: 1,
      changes: [
        { kind: 'new', severity: 'ERROR', because: /never in 1,250 baseline records/ },
        { kind: 'more', ratio: 4, because: /50 times before/ },
      ],
    });
    t.equal((await gate('--fail-on', 'rate:2x')).code, 1);
    t.match(await gate('--fail-on', 'rate:5x,gone'), { code: 0, stdout: /2 changes/ });
    const unknown = ['compare', '--baseline', '1', '--target', '2.0', '--data-dir', dataDir];
    t.match(
      await regressionHere([...unknown, '--fail-on', 'new-error'], dataDir),
      { code: 1, stdout: /, nothing was compared\n$/, stderr: /the target has no records: nothing was compared/ },
      'a version that nobody has seen passes no gate',
    );
    t.match(await gate('--fail-on', 'nothing'), { code: 2, stderr: /nothing is no kind of change/ });
  },
);

void test(
  'as JUnit it is well-formed, one case a change, with the failing ones failed',
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await twoReleases(t);

    const asked = ['compare', '--baseline', '1', '--target', '2', '--data-dir', dataDir];
    const { code, stdout } = await regressionHere([...asked, '--fail-on', 'new', '--format', 'junit'], dataDir);

    t.equal(code, 1);
    t.strictSame(elementsOf(stdout), [
      '<testsuite name="regression compare" tests="2" failures="1">',
      '<testcase classname="shop">',
      '<failure message="new">',
      '</failure>',
      '</testcase>',
      '<testcase classname="shop">',
      '<system-out>',
      '</system-out>',
      '</testcase>',
      '</testsuite>',
    ]);
    t.match(stdout, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/);
    t.match(stdout, 'name="new (ERROR): ledger');
  },
);

/** The elements in order, of text that is well-formed XML 1.0 as we write it; throws where it is not. */
function elementsOf(xml: string): string[] {
  const elements: string[] = [];
  const open: string[] = [];
  const token = /<\?xml[^>]*\?>|<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/gy;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const found = token.exec(xml);
    if (found === null) throw new Error(`not well-formed at: ${xml.slice(at, at + 80)}`);
    const [whole, slash, name = '', attributes = '', selfClosing, text] = found;
    // oxlint-disable-next-line no-control-regex -- what XML 1.0 has no place for
    if (/[\u0000-\u0008\u000B\u000C\u000E-\u001F]/.test(whole)) throw new Error('a control character');
    if (/&(?!(?:amp|lt|gt|quot|apos|#\d+);)/.test(text ?? attributes)) throw new Error(`a bare & in ${whole}`);
    if (name === '') continue;
    if (slash === '/' && open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    if (slash === '' && selfClosing === '') open.push(name);
    elements.push(name === 'testcase' && slash === '' ? whole.replace(/ name="[^"]*"/, '') : whole);
  }
  if (open.length > 0) throw new Error(`<${open.join('>, <')}> not closed`);
  return elements;
}
