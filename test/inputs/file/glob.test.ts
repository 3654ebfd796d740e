import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test, type Test } from 'tap';
import { FileGlobs } from '../../../src/inputs/file/glob.ts';
import { tempDir } from '../../temp-dir.ts';

const files = [
  'app.log',
  'app.log.1',
  'web-1.log',
  'web-2.log',
  '.hidden.log',
  'a/app.log',
  'a/b/deep.log',
  'a/note.txt',
];

async function tree(t: Test): Promise<string> {
  const root = await tempDir(t);
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
  }
  return root;
}

const cases: readonly (readonly [
  include: readonly string[],
  exclude: readonly string[],
  expected: readonly string[],
])[] = [
  [['*.log'], [], ['app.log', 'web-1.log', 'web-2.log']],
  [['app.log*'], [], ['app.log', 'app.log.1']],
  [['web-[1-9].log'], [], ['web-1.log', 'web-2.log']],
  [['web-[!1].log'], [], ['web-2.log']],
  [['web-?.log'], ['*-2*'], ['web-1.log']],
  [['{app,web-1}.log'], [], ['app.log', 'web-1.log']],
  [['**/*.log'], [], ['a/app.log', 'a/b/deep.log', 'app.log', 'web-1.log', 'web-2.log']],
  [['a/**'], [], ['a/app.log', 'a/b/deep.log', 'a/note.txt']],
  [['*/app.log'], [], ['a/app.log']],
  [['app.log', 'gone.log'], [], ['app.log', 'gone.log']],
  [['**/*.log'], ['a/**/*'], ['app.log', 'web-1.log', 'web-2.log']],
];

for (const [include, exclude, expected] of cases) {
  void test(`${include.join(' ')}${exclude.length === 0 ? '' : ` without ${exclude.join(' ')}`} finds ${expected.join(' ')}`, async (t) => {
    const root = await tree(t);
    const absolute = (pattern: string): string =>
      pattern.includes('/') || include.includes(pattern) ? join(root, pattern) : pattern;
    const globs = new FileGlobs(
      include.map((pattern) => join(root, pattern)),
      exclude.map(absolute),
    );

    const { paths } = await globs.find();

    t.strictSame(
      paths.map((path) => relative(root, path)),
      expected,
    );
  });
}

void test('a directory that does not exist yet matches nothing, and is no problem', async (t) => {
  const root = await tempDir(t);
  t.strictSame(await new FileGlobs([join(root, 'later/*.log')]).find(), { paths: [], problems: [] });
});

void test('links to directories are followed where a pattern names them, not in the depths of **', async (t) => {
  const root = await tree(t);
  await symlink(root, join(root, 'a', 'loop'));

  const named = await new FileGlobs([join(root, 'a/loop/app.log')]).find();
  const anywhere = await new FileGlobs([join(root, '**/app.log')]).find();

  t.strictSame(named.paths, [join(root, 'a/loop/app.log')]);
  t.strictSame(anywhere.paths, [join(root, 'a/app.log'), join(root, 'app.log')]);
});

void test('a watcher is told the directories that hold everything', async (t) => {
  t.strictSame(new FileGlobs(['/var/log/**/*.log', '/var/log/syslog', '/srv/*/log/*.log']).baseDirectories(), [
    '/var/log',
    '/srv',
  ]);
});

void test('a watcher is told which directories can hold files that matter', async (t) => {
  const globs = new FileGlobs(['/var/log/*.log', '/srv/*/logs/app.log', '/opt/**/*.log']);

  for (const directory of ['/var/log', '/srv', '/srv/shop', '/srv/shop/logs', '/opt', '/opt/a/b']) {
    t.ok(globs.mayContain(directory), directory);
  }
  for (const directory of ['/var/log/nginx', '/var/log/a.log', '/srv/shop/src', '/srv/shop/logs/old', '/tmp']) {
    t.notOk(globs.mayContain(directory), directory);
  }
});
