import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../temp-dir.ts';

async function load(
  t: Test,
  yaml?: string,
  env: Record<string, string> = {},
  flags: { dataDir?: string; logLevel?: string } = {},
) {
  const cwd = await tempDir(t);
  const configPath = yaml === undefined ? undefined : 'regression.yaml';
  if (yaml !== undefined) await writeFile(join(cwd, 'regression.yaml'), yaml);
  return { cwd, ...(await loadConfig({ configPath, env, cwd, ...flags })) };
}

void test('without a file the logs of /var/log are followed and syslog is taken', async (t) => {
  const { cwd, config, path } = await load(t);

  t.equal(path, null);
  t.equal(config.data_dir, join(cwd, 'data'));
  t.match(config.inputs, [
    { type: 'file', format: 'auto' },
    { type: 'syslog', listen: 'udp://127.0.0.1:5514' },
  ]);
  t.match(config.server, { listen: '127.0.0.1:8514', query_timeout: 10_000, allow_remote: false });
  t.match(config.store, { durability: 'full', queue_bytes: 16 * 1024 * 1024 });
});

void test('the smallest useful file, with the names that are fixed', async (t) => {
  const { config } = await load(
    t,
    `data_dir: /var/lib/regression
application: { name: checkout, version: 1.4.2, environment: production }
inputs:
  - { type: file, include: [/var/log/app/*.log], exclude: ['*.tmp'], format: auto, from: beginning }
  - { type: syslog, listen: 'udp://0.0.0.0:5514' }
server: { listen: '127.0.0.1:8514' }
`,
  );

  t.match(config, {
    data_dir: '/var/lib/regression',
    application: { name: 'checkout', version: '1.4.2', environment: 'production' },
    inputs: [
      { include: ['/var/log/app/*.log'], exclude: ['*.tmp'], scan_interval: 1000 },
      { listen: 'udp://0.0.0.0:5514' },
    ],
  });
});

void test('file, then variables, then flags, in rising order', async (t) => {
  const yaml = "data_dir: /from/file\nlog: { level: warn }\nserver: { listen: '127.0.0.1:1' }\n";
  const env = {
    REGRESSION_DATA_DIR: '/from/env',
    REGRESSION_SERVER_LISTEN: '127.0.0.1:2',
    REGRESSION_SERVER_ALLOW_REMOTE: 'true',
  };
  const { config } = await load(t, yaml, env, { dataDir: '/from/flag' });

  t.match(config, {
    data_dir: '/from/flag',
    log: { level: 'warn' },
    server: { listen: '127.0.0.1:2', allow_remote: true },
  });
});

void test('a version that looks like a number is text all the same', async (t) => {
  t.equal((await load(t, 'application: { version: "1.10" }')).config.application.version, '1.10');
  t.equal((await load(t, undefined, { REGRESSION_APPLICATION_VERSION: '1.10' })).config.application.version, '1.10');
  await t.rejects(load(t, 'application: { version: 1.10 }'), {
    message: /application\.version: expected string, got 1\.1/,
  });
});

void test('Kubernetes variables of a Service named regression, and what clients are told by, are none of ours', async (t) => {
  const env = {
    REGRESSION_URL: 'http://127.0.0.1:8514',
    REGRESSION_TOKEN: 'rgr_x',
    REGRESSION_SERVICE_HOST: '10.0.0.1',
    REGRESSION_PORT: 'tcp://10.0.0.1:80',
    REGRESSION_PORT_80_TCP: 'x',
  };
  await t.resolves(load(t, undefined, env));
});

const wrong: readonly (readonly [yaml: string, message: RegExp])[] = [
  ['data_dri: x', /regression\.yaml:1: data_dri: unknown key; did you mean `data_dir`\?/],
  [
    'inputs:\n  - type: file\n    inclde: [a]',
    /regression\.yaml:3: inputs\[0\]\.inclde: unknown key; did you mean `include`\?/,
  ],
  [
    'inputs:\n  - type: fiel\n    include: [a]',
    /regression\.yaml:2: inputs\[0\]\.type: unknown input "fiel"; did you mean `file`\?/,
  ],
  ['inputs:\n  - include: [a]', /inputs\[0\]\.type: is missing/],
  ['inputs:\n  - { type: file, include: [] }', /inputs\[0\]\.include/],
  [
    'inputs:\n  - { type: file, include: [a], format: jsn }',
    /format: expected one of .*, got "jsn"; did you mean `json`\?/,
  ],
  ['inputs:\n  - { type: file, include: [a], timezone: Mars }', /timezone: expected an IANA time zone/],
  ['inputs:\n  - { type: file, include: [a], max_line_bytes: 10 }', /max_line_bytes: expected a size from .*, got 10/],
  ['server: { listen: 8514 }', /server\.listen: expected string, got 8514/],
  ['server: { listen: "8514" }', /server\.listen: expected ADDRESS:PORT/],
  ['server: { listen: "127.0.0.1:65536" }', /server\.listen: expected ADDRESS:PORT/],
  [
    'server: { listen: "0.0.0.0:8514" }',
    /server\.listen: can be reached from other hosts: set `tls`, .*, got "0\.0\.0\.0:8514"$/m,
  ],
  ['server: { query_timeout: 10 }', /query_timeout: expected a duration with its unit/],
  ['store: { batch_rows: 0 }', /store\.batch_rows/],
  ['log: { level: loud }', /log\.level: expected one of/],
  ['a: [', /regression\.yaml:1:\d+/],
  ['- just a list', /regression\.yaml:1: expected keys and values/],
  ['data_dir:', /data_dir/],
];
for (const [yaml, message] of wrong) {
  void test(`${JSON.stringify(yaml)} is refused: ${message.source}`, async (t) => {
    await t.rejects(load(t, yaml), { code: 'CONFIG_INVALID', message });
  });
}

/** Wrong in every way, a line each; what is said of the line. */
const everythingWrong: readonly (readonly [line: string, ...problems: RegExp[]])[] = [
  ['data_dir: 7', /data_dir: expected string, got 7$/],
  ['aplication: {}', /aplication: unknown key; did you mean `application`\?$/],
  [
    "application: { name: '', version: 1.10 }",
    /name: must not be empty, got ""$/,
    /version: expected string, got 1.1$/,
  ],
  ['inputs:'],
  ['  - { type: fiel }', /inputs\[0\]\.type: unknown input "fiel"; did you mean `file`\?$/],
  ['  - { include: [a] }', /inputs\[1\]\.type: is missing; expected one of file, syslog$/],
  ['  - { type: file, include: [] }', /inputs\[2\]\.include: must not be empty, got \[\]$/],
  ['  - { type: file }', /inputs\[3\]\.include: is missing: expected array$/],
  [
    '  - { type: file, include: [a], multiline: { mode: aut } }',
    /multiline\.mode: expected one of auto, off, got "aut"; did you mean `auto`\?$/,
  ],
  [
    '  - { type: file, include: [a], name: x, format: regex }',
    /pattern: is missing: the format `regex` needs a pattern$/,
  ],
  ['  - { type: file, include: [a], name: x }', /name: there is an input `x` already/],
  ["  - { type: syslog, listen: 'udp:/x' }", /listen: expected udp:\/\/.*, got "udp:\/x"$/],
  ["  - { type: syslog, listen: 'tls://127.0.0.1:6514' }", /tls: is missing: `tls:\/\/` needs `cert` and `key`$/],
  [
    '  - { type: syslog, tls: { cert: a, key: b, client_certificate: required } }',
    /tls\.ca: is missing: client certificates need the file of their authority$/,
  ],
  ['  - { type: syslog, queue_bytes: 1KiB }', /queue_bytes: expected a size from 256KiB to 1GiB, got "1KiB"$/],
  ['transforms:'],
  ['  - { type: drop, when: { severty: [] } }', /when\.severty: unknown key; did you mean `severity`\?$/],
  ["  - { type: redact, patterns: ['('] }", /patterns\[0\]: \/\(\/ is not a regular expression \(RE2 syntax\)/],
  ['sinks:'],
  ['  - { type: clickhous }', /sinks\[0\]\.type: unknown sink "clickhous"; did you mean `clickhouse`\?$/],
  [
    "  - { type: http, url: nope, tabel: 1, query: 'a:', when_full: block }",
    /url: expected http:.*, got "nope"$/,
    /tabel: unknown key; known here: type, url, /,
    /query: q: column 3: .*, got "a:"$/,
    /when_full: `block` needs `max_backlog`$/,
  ],
  [
    "  - { type: http, name: y, url: 'http://x', auth: { type: baerer, token: { file: x } } }",
    /auth\.type: unknown type "baerer"; did you mean `bearer`\?$/,
  ],
  [
    "  - { type: http, name: z, url: 'http://x', auth: { type: bearer, token: 'hunter2' } }",
    /token: expected `file: PATH`.*, got a value that is not shown$/,
  ],
  [
    'server: { tls: { cert: a }, max_requests: 0.5 }',
    /tls\.key: is missing: expected string$/,
    /expected int, got 0.5$/,
  ],
  ["store: { batch_rows: '10' }", /batch_rows: expected number, got "10"$/],
  [
    'tasks: { rotate: { schedule: daily }, prune: { keep: 3d } }',
    /schedule: expected five.*"daily"$/,
    /keep: unknown key; known here: max_age, /,
  ],
];

void test('every error is said at once: its line, path, value, what was expected, and the nearest name', async (t) => {
  const yaml = everythingWrong.map(([line]) => line).join('\n');
  const { message } = (await load(t, yaml).catch((thrown: unknown) => thrown)) as Error;
  const said = message.split('\n').map((text) => /regression\.yaml:(\d+): (.*)$/.exec(text)?.slice(1) ?? []);

  t.strictSame(
    said.map(([line]) => line),
    said.map(([line]) => line).toSorted((a, b) => Number(a) - Number(b)),
    'as the lines are',
  );
  for (const [index, [line, ...problems]] of everythingWrong.entries()) {
    const here = said.filter(([number]) => Number(number) === index + 1).map(([, text]) => text);
    for (const problem of problems)
      t.ok(
        here.some((text) => problem.test(text ?? '')),
        `${line}: ${problem.source}: ${here.join(' | ')}`,
      );
    t.equal(here.length, problems.length, line);
  }
  t.notMatch(message, /hunter2/, 'nothing secret');
});

void test('a file that is no YAML in several places has each of them named', async (t) => {
  await t.rejects(load(t, 'a: [\nb: }\nc: 1\nc: 2\n'), { message: /yaml:\d+:\d+: [^\n]+\n[^\n]*yaml:\d+:\d+: / });
});

void test('a wrong variable is refused by its name', async (t) => {
  await t.rejects(load(t, 'log: { level: loud }', { REGRESSION_DATADIR: 'x', REGRESSION_SERVER_LISTEN: 'y' }), {
    code: 'CONFIG_INVALID',
    message:
      /^REGRESSION_DATADIR: unknown variable; did you mean `REGRESSION_DATA_DIR`\?\nREGRESSION_SERVER_LISTEN: server.*\n.*level/,
  });
  await t.rejects(load(t, undefined, { REGRESSION_LOG_LEVEL: 'loud' }), {
    message: /^REGRESSION_LOG_LEVEL: log\.level/,
  });
});

void test('a file that cannot be read is refused with its path', async (t) => {
  await t.rejects(loadConfig({ configPath: 'gone.yaml', env: {}, cwd: '/nowhere' }), {
    message: /\/nowhere\/gone\.yaml/,
  });
});

void test('transforms and patterns are checked like everything else: type, key, regular expression', async (t) => {
  const yaml = `inputs:
  - { type: file, include: [/a], format: regex }
  - { type: file, include: [/b], multiline: { start: '(?=x)' } }
transforms:
  - { type: dorp, when: {} }
  - { type: drop, whne: {} }
`;

  const error = await load(t, yaml).catch((reason: unknown) => (reason as Error).message);

  t.match(error, /inputs\[0\]\.pattern: is missing/);
  t.match(error, /inputs\[1\]\.multiline\.start.*RE2 syntax/);
  t.match(error, /transforms\[0\]\.type.*unknown transform "dorp".*did you mean `drop`/);
  t.match(error, /transforms\[1\].*whne/);
});

void test('a policy for a backlog without a bound, and a severity kept where nothing is dropped, are refused', async (t) => {
  const sink = (options: string) => load(t, `sinks: [{ type: http, url: 'http://x', ${options} }]`);
  await t.rejects(sink('when_full: block'), { message: /when_full.*needs `max_backlog`/s });
  await t.rejects(sink('keep_severity: ERROR'), { message: /keep_severity.*nothing is dropped/s });
  await t.rejects(sink('max_backlog: 1GiB, when_full: block, keep_severity: ERROR'), { message: /keep_severity/ });
  const { config } = await sink('max_backlog: 1GiB, when_full: drop_newest, keep_severity: error');
  t.match(config.sinks, [{ when_full: 'drop_newest', keep_severity: 'ERROR' }]);
});

void test('variables stand in texts of the file, with what to take without them; all that are missing are named', async (t) => {
  const yaml = `application: { name: '\${SHOP}', version: '\${VERSION:-dev}' }
inputs:
  - { type: file, include: ['\${LOGS:-/var/log}/\${SHOP}/*.log', '/srv/$\${SHOP}/\${lower}.log'] }
`;
  const { config } = await load(t, yaml, { SHOP: 'checkout' });

  t.match(config, {
    application: { name: 'checkout', version: 'dev' },
    inputs: [{ include: ['/var/log/checkout/*.log', '/srv/${SHOP}/${lower}.log'] }],
  });
  const error = (await load(t, `${yaml}sevrer: {}\n`).catch((thrown: unknown) => thrown)) as Error;
  t.match(error.message, /regression\.yaml:1: application\.name: the variable SHOP is not set/);
  t.match(error.message, /regression\.yaml:3: inputs\[0\]\.include\[0\]: the variable SHOP is not set/);
  t.match(error.message, /sevrer: unknown key; did you mean `server`/, 'all problems at once');
});
