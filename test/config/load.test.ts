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
  ['inputs:\n  - { type: file, include: [a], max_line_bytes: 10 }', /max_line_bytes: .*out of bounds/],
  ['server: { listen: 8514 }', /server\.listen: expected string, got 8514/],
  ['server: { listen: "8514" }', /server\.listen: expected ADDRESS:PORT/],
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

void test('all problems are said at once', async (t) => {
  await t.rejects(load(t, 'data_dri: x\nserver: { listn: a }\nlog: { level: loud }'), {
    message: /data_dri[^]*listn[^]*level|level[^]*data_dri|listn/,
  });
});

void test('a wrong variable is refused by its name', async (t) => {
  await t.rejects(load(t, undefined, { REGRESSION_DATADIR: 'x' }), {
    code: 'CONFIG_INVALID',
    message: 'unknown variable REGRESSION_DATADIR',
    hint: 'Did you mean REGRESSION_DATA_DIR?',
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
