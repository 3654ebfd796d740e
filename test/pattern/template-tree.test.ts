import { test } from 'tap';
import { Masker } from '../../src/pattern/mask.ts';
import { type Template, TemplateTree } from '../../src/pattern/template-tree.ts';
import { Random } from '../random.ts';

const users = ['root', 'admin', 'guest', 'oracle', 'test', 'backup', 'jane', 'wei'];

void test('messages that differ in masked values share a pattern', async (t) => {
  const { match, tree } = learner();

  t.equal(match('job 7 finished in 12 ms'), match('job 8 finished in 3.5 seconds'));
  t.equal(tree.size, 1);
});

void test('a word becomes a variable once enough different ones were met in its place; old ids are aliases', async (t) => {
  const { match, resolve, templateOf } = learner();
  const first = match('Invalid user root from 10.0.0.1');

  for (const user of users) match(`Invalid user ${user} from 10.0.0.1`);

  const last = match('Invalid user nobody-else from 10.0.0.2');
  t.equal(templateOf(last), 'Invalid user <*> from <*>');
  t.not(first, last);
  t.equal(resolve(first), last);
});

void test('states in capitals are told apart', async (t) => {
  const { match, tree } = learner();
  for (const state of ['RUNNING', 'FAILED', 'DONE', 'LOST', 'KILLED']) match(`Task 7 changed to ${state}`);

  t.equal(tree.size, 5);
});

void test('a key before a value is part of what is said', async (t) => {
  const { match } = learner();

  t.not(match('memory:<num> requested'), match('disk:<num> requested'));
  t.equal(match('disk:7 requested'), match('disk:8 requested'));
});

void test('a pattern has the same id in every process and after a restart', async (t) => {
  const before = learner();
  for (const user of users) before.match(`Invalid user ${user} from 10.0.0.1`);
  const id = before.match('Invalid user root from 10.0.0.1');
  const after = learner();

  for (const template of before.templates.values()) after.tree.restore(template);

  t.equal(after.match('Invalid user somebody from 10.9.9.9'), id);
  t.equal(learner().match('job 7 finished'), learner().match('job 8 finished'));
});

void test('the order of arrival does not matter to what is learned in the end', async (t) => {
  const random = new Random(20261125);
  const lines = users.flatMap((user) => [
    ...['sshd', 'cron', 'su'].map(
      (program) => `session opened for user ${user} by ${program} in ${random.integer(1, 99)} ms`,
    ),
    `Invalid user ${user} from 10.0.0.${random.integer(1, 250)}`,
    `cache ${random.chance(0.5) ? 'hit' : 'miss'} for key ${user}`,
  ]);
  const results = [1, 2, 3, 4, 5].map(() => {
    const { match, resolve, templateOf } = learner();
    const ids = shuffled(lines, random).map((line) => match(line));
    return [...new Set(ids.map((id) => templateOf(resolve(id))))].sort();
  });

  for (const result of results) t.strictSame(result, results[0]);
});

void test('past the bound what fits nothing goes to the catch-all, what is known is still found', async (t) => {
  const { match, tree } = learner(10);
  const known = match('service ready');
  for (let index = 0; index < 500; index++) match(`${'abcdefghij'.charAt(index % 10)}${letters(index)} happened`);

  t.equal(tree.size, 10);
  t.equal(match('something entirely different took place'), tree.catchAll.id);
  t.equal(match('service ready'), known);
});

function letters(index: number): string {
  return String(index)
    .split('')
    .map((digit) => 'qrstuvwxyz'.charAt(Number(digit)))
    .join('');
}

function shuffled(lines: readonly string[], random: Random): string[] {
  const result = [...lines];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [result[last], result[other]] = [result[other] ?? '', result[last] ?? ''];
  }
  return result;
}

function learner(maxPatterns = 1000) {
  const masker = new Masker();
  const aliases = new Map<string, string>();
  const templates = new Map<string, Template>();
  const tree = new TemplateTree({
    maxPatterns,
    onNew: (template) => templates.set(template.id, template),
    onMerged: (from, into) => aliases.set(from.id, into.id),
  });
  const resolve = (id: string): string => {
    const next = aliases.get(id);
    return next === undefined ? id : resolve(next);
  };
  return {
    tree,
    templates,
    resolve,
    match: (message: string): string => tree.match(masker.mask(message)).id,
    templateOf: (id: string): string => templates.get(id)?.words.join(' ') ?? '',
  };
}
