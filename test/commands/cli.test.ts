/** The command line as it is typed: the built program, its output and its exit code. */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'tap';
import { program, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';
import { regressionHere } from './in-process.ts';

const commands = ['run', 'check', 'parse', 'import', 'logs', 'sql', 'consumers', 'user', 'token', 'rotate'];

void test('--help lists the commands, and each explains itself with examples', async (t) => {
  const { code, stdout } = await regression(['--help']);
  t.equal(code, 0);
  for (const command of commands) {
    t.match(stdout, new RegExp(`regression ${command}\\b`));
    const help = await regression([command, '--help']);
    t.equal(help.code, 0);
    t.match(help.stdout, /Examples:\n +regression|Examples:\n +tail/, command);
  }
});

const wrong: readonly (readonly [args: string, message: string, hint: string])[] = [
  ['', 'a command is missing', 'One of: run, check, parse, import,'],
  ['lgos', 'unknown command lgos', 'Did you mean logs?'],
  ['elephant', 'unknown command elephant', 'One of: run,'],
  ['logs --severty warn', 'unknown flag --severty', 'Did you mean --severity?'],
  ['logs --limt 5', 'unknown flag --limt', 'Did you mean --limit?'],
  ['run now', 'unexpected argument now', 'See regression run --help.'],
  ['parse --format jsn', '--format: "jsn" is none of auto, rows, json', 'Did you mean json?'],
  ['parse --timezone Mars', '--timezone: Mars is no time zone, which looks like Europe/Berlin', 'See regression'],
  ['parse --timezone', '--timezone needs a value', 'See regression parse --help.'],
  ['import', 'an argument is missing: regression import <files..>', 'See regression import --help.'],
  ['logs --limit many', '--limit: expected a whole number from 1, got "many"', 'See regression logs --help.'],
  ['logs --limit 1.5', '--limit: expected a whole number from 1, got "1.5"', 'See regression logs --help.'],
  ['logs --limit 5 --limit 6', '--limit is given 2 times', 'See regression logs --help.'],
  ['logs --start -1h --start -2h', '--start is given 2 times', 'See regression logs --help.'],
  ['sql x --max-rows x', '--max-rows: expected a whole number from 1, got "x"', 'See regression sql --help.'],
  ['patterns --limit 0', '--limit: expected a whole number from 1, got "0"', 'See regression patterns --help.'],
  ['digest --tokens 1k', '--tokens: expected a whole number from 1, got "1k"', 'See regression digest --help.'],
  ['compare --min-support x', '--min-support: expected a whole number', 'See regression compare --help.'],
  ['deadletters drop s --id 1 x', '--id: expected a whole number from 1, got "x"', 'See regression deadletters'],
  ['deadletters list --limit x', '--limit: expected a whole number from 1, got "x"', 'See regression deadletters'],
  ['consumers create c --max-deliver x', '--max-deliver: expected a whole number from 1, got "x"', 'See regression'],
  ['consumers pull c --max-rows x', '--max-rows: expected a whole number from 1, got "x"', 'See regression consumers'],
  ['consumers pull c --tokens x', '--tokens: expected a whole number from 1, got "x"', 'See regression consumers'],
  ['token revoke first', 'the number of the token: "first" is none', '`regression token list` shows them.'],
  ['logs --meta nopair', '--meta: nopair is not key=value', 'E.g.'],
];
for (const [args, message, hint] of wrong) {
  void test(`\`regression ${args}\` is refused with exit code 2 and a way out`, async (t) => {
    const cwd = await tempDir(t);
    const { code, stdout, stderr } = await regressionHere(args === '' ? [] : args.split(' '), cwd);

    t.equal(code, 2);
    t.equal(stdout, '');
    t.ok(stderr.startsWith(message), stderr);
    t.ok(stderr.split('\n')[1]?.includes(hint), stderr);
  });
}

const makesNothing: readonly (readonly [args: string, code: 1 | 2, message: string])[] = [
  ['import a.log --format regex', 2, '--format regex needs --pattern'],
  ['import gone.log', 1, 'cannot read '],
  ['import . gone.log', 1, 'it is a directory'],
  ['user list', 1, 'there is no data in '],
  ['user remove alice', 1, 'there is no data in '],
  ['user add alice', 2, 'password: expected at least 8 and at most 1024 characters'],
  ['token list', 1, 'there is no data in '],
  ['token create alice', 1, 'there is no data in '],
  ['consumers create a/b', 2, 'name: expected letters, digits, _ . -, at most 100'],
  ['consumers create c --query severity:>>', 2, 'q: column 11: '],
  ['consumers create c --from someday', 2, 'from: "someday" is not a time'],
  ['consumers create c --ack-wait long', 2, 'ack_wait: "long" is not a duration'],
  ['consumers create c --max-deliver 5000', 2, 'max_deliver: expected a whole number from 1 to 1000, got 5000'],
];
for (const [args, expected, message] of makesNothing) {
  void test(`\`regression ${args}\` is refused before a data directory is made`, async (t) => {
    const cwd = await tempDir(t);
    await writeFile(join(cwd, 'a.log'), 'line\n');
    const { code, stderr } = await regressionHere(args.split(' '), cwd);

    t.equal(code, expected);
    t.ok(stderr.includes(message), stderr);
    t.strictSame(await readdir(cwd), ['a.log']);
  });
}

void test('with --json errors are for machines', async (t) => {
  const { code, stderr } = await regression(['logs', '--json', '--severty', 'x']);
  t.equal(code, 2);
  t.match(JSON.parse(stderr), {
    error: { code: 'USAGE', message: 'unknown flag --severty', hint: 'Did you mean --severity?' },
  });
});

void test('parse prints records as NDJSON, from files and from standard input, and goes on past a file it cannot read', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'a.log'), '2026-11-24 03:00:00 WARN disk is nearly full\n');
  await writeFile(join(cwd, 'b.gz'), gzipSync('{"level":50,"time":1795489200000,"msg":"boom","userId":"u-1"}\n'));
  await writeFile(join(cwd, 'c.zst'), zstdCompressSync('level=info msg=packed\n'));
  const { code, stdout, stderr } = await regression(['parse', '--explain', 'a.log', 'gone.log', 'b.gz', 'c.zst'], {
    cwd,
  });
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

  t.equal(code, 1);
  t.match(stderr, /cannot read .*gone\.log: ENOENT/);
  t.match(rows, [
    { timestamp: '2026-11-24T03:00:00.000000Z', severity: 'WARN', message: 'disk is nearly full', parser: 'plain' },
    {
      timestamp: '2026-11-24T03:00:00.000000Z',
      severity: 'ERROR',
      message: 'boom',
      metadata: { userId: 'u-1' },
      parser: 'json',
    },
    { severity: 'INFO', message: 'packed', parser: 'logfmt' },
  ]);
  t.strictSame(Object.keys(rows[0] ?? {}).slice(0, 6), [
    'timestamp',
    'severity',
    'application',
    'source',
    'message',
    'metadata',
  ]);
  const piped = await regression(['parse'], { stdin: '<11>Nov 24 03:00:00 web-1 app[7]: hello\n' });
  t.match(JSON.parse(piped.stdout), {
    source: 'stdin',
    application: 'app',
    message: 'hello',
    metadata: { host: 'web-1', procid: '7' },
  });
});

void test('parse with a configuration applies its application and transforms, as the daemon would', async (t) => {
  const directory = await tempDir(t);
  await writeFile(
    join(directory, 'c.yaml'),
    `application: { name: shop, version: 2.3.1 }
transforms:
  - { type: drop, when: { severity: [DEBUG] } }
  - { type: redact }
`,
  );
  const { stdout, stderr } = await regression(['parse', '--config', 'c.yaml'], {
    cwd: directory,
    stdin: 'level=debug msg=noise\nlevel=info msg="login" password=hunter2\n',
  });

  t.equal(stderr, '');
  t.match(JSON.parse(stdout), { application: 'shop', version: '2.3.1', message: 'login' });
  t.notMatch(stdout, /hunter2|noise/);
});

void test('parse reads a named pipe, as the shell makes them of <(...)', async (t) => {
  const pipe = join(await tempDir(t), 'pipe');
  execFileSync('mkfifo', [pipe]);

  const parsing = regression(['parse', pipe]);
  await writeFile(pipe, '2026-11-24T03:00:00Z WARN from a pipe\n');

  t.match(JSON.parse((await parsing).stdout), { severity: 'WARN', message: 'from a pipe' });
});

void test('import stores whole files once, packed ones too, and logs finds their rows without a daemon', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'a.log'), 'one\r\ntwo\n\nlast without newline');
  await writeFile(join(cwd, 'b.log.gz'), gzipSync('packed\n'.repeat(3)));
  const first = await regression(
    ['import', '--json', 'a.log', 'b.log.gz', '--application', 'shop', '--app-version', '1.4.1'],
    { cwd },
  );
  const second = await regression(['import', '--json', 'a.log', 'b.log.gz'], { cwd });
  await appendFile(join(cwd, 'a.log'), '\nmore\n');
  const grown = await regression(['import', '--json', 'a.log'], { cwd });

  t.match(JSON.parse(first.stdout), { rows: 6, files: 2, skipped: 0 });
  t.match(JSON.parse(second.stdout), { rows: 0, files: 0, skipped: 2 });
  t.match(second.stderr, /is in the store already; --again/);
  t.match(JSON.parse(grown.stdout), { rows: 1, files: 1 });
  const { stdout } = await regression(['logs', '--json', '--order', 'arrival'], { cwd });
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string });
  t.strictSame(
    rows.map(({ message }) => message),
    ['one', 'two', 'last without newline', 'packed', 'packed', 'packed', 'more'],
  );
  t.match(rows[0], { application: 'shop', version: '1.4.1', source: join(cwd, 'a.log') });
});

void test('import that meets a broken archive keeps what it could read and fails', async (t) => {
  const cwd = await tempDir(t);
  const whole = gzipSync('line\n'.repeat(1000), { level: 0 });
  await writeFile(join(cwd, 'cut.gz'), whole.subarray(0, -20));
  await writeFile(join(cwd, 'good.log'), 'good\n');
  const { code, stderr } = await regression(['import', 'cut.gz', 'good.log', '.'], { cwd });
  const { stdout } = await regression(['logs', 'good', '--json'], { cwd });

  t.equal(code, 1);
  t.match(stderr, /cannot read .*cut\.gz: unexpected end of file/);
  t.match(stderr, /it is a directory/);
  t.match(JSON.parse(stdout), { message: 'good' });
});

void test('logs reads like a log: the newest at the bottom, and control characters cannot reach the terminal', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'a.log'), '2026-11-24 03:00:00 first\n2026-11-24 03:00:01 WARN \u001b[2Jsecond\n');
  await regression(['import', 'a.log', '--application', 'shop'], { cwd });
  const { stdout } = await regression(['logs', '--limit', '5'], { cwd });

  t.equal(stdout, '2026-11-24 03:00:00.000Z INFO  shop first\n2026-11-24 03:00:01.000Z WARN  shop \\x1b[2Jsecond\n');
});

void test('logs takes the search language, and prints CSV and chosen fields', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(
    join(cwd, 'a.log'),
    'level=info msg="all is well" path=/health\nlevel=warn msg="connection reset" userId=42\nlevel=error msg="connection refused" userId=7\n',
  );
  await regression(['import', 'a.log', '--application', 'shop'], { cwd });
  const query = 'severity:>=warn app:shop -userId:7 conn*';
  const csv = await regression(['logs', query, '--csv', '--fields', 'severity,message,userId'], { cwd });
  const json = await regression(['logs', 'userId:>5', 'refused', '--json', '--fields', 'message'], { cwd });
  const text = await regression(['logs', 'path:/health', '--fields', 'severity,path'], { cwd });
  const slip = await regression(['logs', 'sevrity:warn', 'userId:none'], { cwd });
  const wrong = await regression(['logs', 'severity:>=wrong'], { cwd });

  t.equal(csv.stdout, 'severity,message,userId\r\nWARN,connection reset,42\r\n');
  t.equal(json.stdout, '{"message":"connection refused"}\n');
  t.equal(text.stdout, 'INFO\t/health\n');
  t.match(slip, {
    code: 0,
    stdout: '',
    stderr: 'regression: no rows; sevrity was looked for in the metadata. Did you mean severity?\n',
  });
  t.equal(wrong.code, 2);
  t.match(wrong.stderr, /^regression: q: column 12: "wrong" is no severity.*\nHint: /);
});

void test('logs where there is no data says so', async (t) => {
  const { code, stderr } = await regression(['logs'], { cwd: await tempDir(t) });
  t.equal(code, 1);
  t.match(stderr, /there is no data in .*\/data\nHint: Start `regression run`/);
});

void test('check names every problem, or shows what is effective and what would be read; it makes nothing', async (t) => {
  const cwd = await tempDir(t);
  await mkdir(join(cwd, 'logs', 'dir.log'), { recursive: true });
  await writeFile(join(cwd, 'logs', 'a.log'), '{"msg":"a"}\n{"msg":"b"}\n');
  await writeFile(join(cwd, 'logs', 'b.log'), gzipSync('x'));
  const config = await writeConfig(cwd, [join(cwd, 'logs', '*.log')]);
  await writeFile(config, (await readFile(config, 'utf8')).replace('format: plain, ', ''));
  const good = await regression(['check', '--config', config]);
  await appendFile(config, 'sever: {}\n');
  const bad = await regression(['check', '--config', config]);

  t.equal(good.code, 0);
  t.match(good.stdout, /a\.log {2}json/);
  t.match(good.stdout, /b\.log {2}NOT FOLLOWED: it is compressed \(gzip\)/);
  t.match(good.stdout, /dir\.log {2}NOT FOLLOWED: it is not a regular file/);
  t.match(good.stdout, /The configuration is valid\.\n$/);
  t.equal(bad.code, 2);
  t.match(bad.stderr, /regression\.yaml:5: sever: unknown key; did you mean `server`\?/);
  t.match((await regression(['logs', '--data-dir', join(cwd, 'data')])).stderr, /there is no data/);
});

void test('logs --follow shows what comes in, also what is dated earlier', async (t) => {
  const cwd = await tempDir(t);
  const path = join(cwd, 'app.log');
  await writeFile(path, '2026-11-24 03:00:00 before\n');
  const config = await writeConfig(cwd, [path]);
  await startDaemon(t, ['--config', config]).started;
  const following = (await import('node:child_process')).spawn(
    process.execPath,
    [program, 'logs', '--follow', '--config', config],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.teardown(() => following.kill('SIGKILL'));
  let text = '';
  const shown = async (word: string): Promise<void> => {
    for await (const part of following.stdout.iterator({ destroyOnReturn: false })) {
      text += String(part);
      if (text.includes(word)) return;
    }
  };
  await shown('before');
  await appendFile(path, '2026-11-24 03:00:02 after\n');
  await shown('after');
  await appendFile(path, '2026-11-24 03:00:01 late\n');
  await shown('late');
  following.kill('SIGINT');
  await new Promise((resolve) => following.once('close', resolve));

  t.strictSame(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ').at(-1)),
    ['before', 'after', 'late'],
  );
  t.equal(following.exitCode, 0);
});

void test('rotate closes what is stored so far: by the daemon when it runs, else by itself; rows are found as before', async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'app.log'), 'one\ntwo\n');
  await regression(['import', 'app.log'], { cwd });
  const alone = await regression(['rotate', '--json'], { cwd });
  t.match(JSON.parse(alone.stdout), { first_id: 1, last_id: 2 }, alone.stderr);
  t.match((await regression(['rotate'], { cwd })).stdout, /nothing to rotate/);

  await writeFile(join(cwd, 'more.log'), 'three\n');
  await regression(['import', 'more.log'], { cwd });
  const config = await writeConfig(cwd, [join(cwd, 'none.log')]);
  const daemon = startDaemon(t, ['--config', config, '--log-level', 'error'], { cwd });
  await daemon.started;
  const asked = await regression(['rotate', '--config', config], { cwd });
  t.match(asked.stdout, /closed rows 3 to 3 /, asked.stderr);
  const { stdout } = await regression(['logs', '--config', config, '--json', '--order', 'arrival'], { cwd });
  t.strictSame(
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { message: string }).message),
    ['one', 'two', 'three'],
  );
});
