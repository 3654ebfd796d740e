import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdir, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { environmentFindings } from '../../src/commands/environment-checks.ts';
import type { Finding } from '../../src/commands/finding.ts';
import { configSchema } from '../../src/config/schema.ts';
import { memoryBudget } from '../../src/runtime/memory-budget.ts';
import { makeCertificates } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { tempDir } from '../temp-dir.ts';
import { regressionHere } from './in-process.ts';

const nowMs = Date.parse('2026-11-24T00:00:00Z');

async function findings(
  t: Test,
  given: object,
  limits: Record<string, string> = {},
  grantedBytes = 0,
): Promise<Finding[]> {
  const procDir = await tempDir(t);
  const all = {
    'sys/fs/inotify/max_user_watches': '8192\n',
    'sys/fs/inotify/max_user_instances': '128\n',
    'sys/net/core/rmem_max': '212992\n',
    'self/limits': 'Limit  Soft Limit\nMax open files            1024                 4096                 files\n',
    ...limits,
  };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(join(procDir, path, '..'), { recursive: true });
    await writeFile(join(procDir, path), text);
  }
  return environmentFindings(configSchema.parse({ inputs: [], server: { listen: '127.0.0.1:0' }, ...given }), {
    procDir,
    nowMs,
    env: { SET: 'x' },
    memory: memoryBudget(grantedBytes),
  });
}

const of = (all: readonly Finding[], check: Finding['check']) => all.filter((finding) => finding.check === check);

void test('a host where all is well has nothing to mend but a daemon that is not running', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'a.log'), 'a line\n');
  const all = await findings(t, {
    data_dir: join(directory, 'data'),
    inputs: [{ type: 'file', include: [join(directory, '*.log')] }],
  });

  t.strictSame(
    all.filter(({ outcome, check }) => outcome !== 'ok' && check !== 'disk').map(({ check }) => check),
    ['daemon'],
  );
  t.match(of(all, 'files'), [{ says: /^1 of .*can be read$/ }]);
  t.match(of(all, 'data directory'), [{ says: /is made at the first start$/ }]);
});

void test('limits that are too small are told with the command that raises them', async (t) => {
  const directory = await tempDir(t);
  for (const name of ['a', 'b', 'c']) {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, 'app.log'), 'a line\n');
  }
  const inputs = [
    { type: 'file', include: [join(directory, '*/*.log')] },
    { type: 'syslog', listen: 'udp://127.0.0.1:0' },
  ];
  const all = await findings(
    t,
    { data_dir: directory, inputs },
    {
      'sys/fs/inotify/max_user_watches': '5\n',
      'self/limits': 'Max open files            2                 2                 files\n',
    },
  );

  t.match(of(all, 'inotify'), [{ outcome: 'warning', says: /5 watches for 3 directories/, mend: /max_user_watches=/ }]);
  t.match(of(all, 'open files'), [{ outcome: 'warning', says: /may have 2, 3 are/, mend: /LimitNOFILE/ }]);
  t.match(of(all, 'receive buffer'), [{ outcome: 'warning', mend: /sysctl -w net.core.rmem_max=8388608/ }]);
});

void test('a port that somebody has, and an address of another host, are failures', async (t) => {
  const tcp = createServer().listen(0, '127.0.0.1');
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => void tcp.close());
  t.teardown(() => void udp.close());
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')]);
  const { port } = tcp.address() as { port: number };
  const directory = await tempDir(t);
  const all = await findings(t, {
    data_dir: directory,
    server: { listen: `127.0.0.1:${port}` },
    inputs: [
      { type: 'syslog', listen: `udp://127.0.0.1:${udp.address().port}` },
      { type: 'syslog', listen: 'tcp://192.0.2.1:5514' },
    ],
  });

  t.match(of(all, 'port'), [
    { outcome: 'failed', says: /server.listen.*EADDRINUSE/, mend: new RegExp(`ss -lnptu 'sport = :${port}'`) },
    { outcome: 'failed', says: /inputs\[0\].listen: udp.*EADDRINUSE/ },
    { outcome: 'failed', says: /EADDRNOTAVAIL/, mend: /inputs\[1\].listen/ },
  ]);
});

void test('sockets that cannot be made, a health port that is taken, and directories of tasks that cannot be written are failures', async (t) => {
  const tcp = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void tcp.close());
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const directory = await tempDir(t);
  const file = join(directory, 'file');
  await writeFile(file, '');
  const all = await findings(t, {
    data_dir: directory,
    server: { listen: `unix:${directory}/gone/q.sock`, health_listen: `127.0.0.1:${port}` },
    inputs: [
      { type: 'syslog', listen: `unixgram://${file}` },
      { type: 'syslog', listen: `unix://${directory}/log.sock` },
      { type: 'file', include: [join(directory, '*.log')] },
    ],
    tasks: { backup: { dir: join(directory, 'backup') }, archive: { dir: join(file, 'archive') } },
  });

  t.match(of(all, 'port'), [
    { outcome: 'failed', says: /^server\.listen: .* cannot be made \(ENOENT\)/, mend: /install -d .*gone/ },
    { outcome: 'failed', says: /^server\.health_listen: .*EADDRINUSE/ },
    { outcome: 'failed', says: /^inputs\[0\]\.listen: .* is no socket/ },
    { outcome: 'ok', says: /log\.sock can be made$/ },
  ]);
  t.match(of(all, 'task directory'), [
    { outcome: 'ok', says: /^tasks\.backup\.dir: .* can be written$/ },
    { outcome: 'failed', says: `tasks.archive.dir: ${file} is no directory` },
  ]);
  t.match(of(all, 'files'), [{ outcome: 'warning', says: /^there is none of .*\*\.log$/, mend: /include/ }]);
});

void test('a data directory that others can read, and one written in the future, are told', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'regression.db'), '');
  await utimes(join(directory, 'regression.db'), nowMs / 1000 + 3600, nowMs / 1000 + 3600);
  await chmod(directory, 0o755);
  const all = await findings(t, { data_dir: directory });

  t.match(of(all, 'data directory'), [{ outcome: 'warning', says: /mode 755/, mend: `chmod 700 ${directory}` }]);
  t.match(of(all, 'clock'), [{ outcome: 'warning', says: /written at 2026-11-24T01:00/, mend: /set-ntp/ }]);
});

void test('a data directory that is a file is told, and so is that nobody can say whether a daemon runs', async (t) => {
  const path = join(await tempDir(t), 'data');
  await writeFile(path, '');
  const all = await findings(t, { data_dir: path });

  t.match(of(all, 'data directory'), [{ outcome: 'failed', says: `${path} is no directory` }]);
  t.match(of(all, 'daemon'), [{ outcome: 'warning', says: /^whether it runs cannot be told: .*ENOTDIR/ }]);
});

void test('`regression doctor` shows the findings and fails when the daemon could not do its work', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'regression.yaml'), `inputs: []\nserver: { listen: '127.0.0.1:${port}' }\n`);

  const { code, stdout, stderr } = await regressionHere(['doctor', '--config', 'regression.yaml'], cwd);

  t.equal(code, 1);
  t.match(stdout, /^failed +port +server.listen: tcp 127.0.0.1:\d+ cannot be had \(EADDRINUSE\)\n {24}See who has it/m);
  t.match(stderr, 'the daemon cannot do its work: port');
});

void test('an upstream that cannot be reached is told before its sink runs behind', async (t) => {
  const there = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void there.close());
  await once(there, 'listening');
  const { port } = there.address() as { port: number };
  const sinks = [
    { type: 'http', name: 'a', url: `http://127.0.0.1:${port}/rows` },
    { type: 'postgres', url: `postgres://logs@127.0.0.1:${await freePort()}/logs` },
  ];
  const all = await findings(t, { data_dir: await tempDir(t), sinks });

  t.match(of(all, 'upstream'), [
    { outcome: 'ok', says: /^sinks\[0\]: http at 127.0.0.1:\d+ can be reached$/ },
    {
      outcome: 'warning',
      says: /^sinks\[1\]: postgres at .* cannot be reached \(ECONNREFUSED\)$/,
      mend: /sinks\[1\]\.url/,
    },
  ]);
});

void test('certificates, keys and secrets that are not there, or no good any more, are named with their option', async (t) => {
  const directory = await tempDir(t);
  const { cert, key, expiredCert, ca } = await makeCertificates(t);
  await writeFile(join(directory, 'token'), 'secret');
  await writeFile(join(directory, 'no.pem'), 'no certificate');
  const sink = (name: string, more: object) => ({ type: 'http', name, url: 'https://logs.example', ...more });
  const bearer = (token: object) => ({ auth: { type: 'bearer', token } });
  const given = (tls: object, sinks: object[]) => ({
    data_dir: directory,
    server: { listen: '127.0.0.1:0', tls },
    sinks,
  });
  const right = given({ cert, key }, [
    sink('a', bearer({ env: 'SET' })),
    sink('b', bearer({ file: join(directory, 'token') })),
  ]);
  // The certificates of tests are good for two days.
  t.match(of(await findings(t, right), 'named files'), [
    { outcome: 'warning', says: /^server\.tls\.cert: .* is valid only until /, mend: /regression reload/ },
  ]);
  const secretsAlone = { ...right, server: { listen: '127.0.0.1:0' } };
  t.match(of(await findings(t, secretsAlone), 'named files'), [{ outcome: 'ok', says: /^2 certificates/ }]);

  const wrong = given({ cert: expiredCert, key }, [
    sink('a', { ...bearer({ env: 'UNSET' }), tls: { ca: join(directory, 'gone.pem') } }),
    sink('b', { ...bearer({ file: directory }), tls: { ca, cert: join(directory, 'no.pem'), key } }),
  ]);
  t.match(of(await findings(t, wrong), 'named files'), [
    { outcome: 'failed', says: /^server\.tls\.cert: .* is valid no more since 2020-01-02T/, mend: /regression reload/ },
    { outcome: 'warning', says: 'sinks[0].auth.token: the variable UNSET is not set here', mend: /UNSET=/ },
    {
      outcome: 'failed',
      says: /^sinks\[0\]\.tls\.ca: .*gone.pem cannot be read \(ENOENT\)/,
      mend: /sinks\[0\]\.tls\.ca/,
    },
    { outcome: 'failed', says: /^sinks\[1\]\.auth\.token: .* cannot be read \(EISDIR\)/, mend: /setfacl/ },
    { outcome: 'failed', says: /^sinks\[1\]\.tls\.cert: .*no.pem holds no certificate/ },
  ]);
});

void test('the memory that is granted is told, and that it is too little with what to change', async (t) => {
  const MiB = 1024 * 1024;
  const told = async (grantedBytes: number) => of(await findings(t, {}, {}, grantedBytes), 'memory');

  t.match(await told(0), [{ outcome: 'ok', says: /^no limit/ }]);
  t.match(await told(2 ** 64), [{ outcome: 'ok', says: /^no limit/ }]);
  t.match(await told(1024 * MiB), [{ outcome: 'ok', says: /may take 1,024 MiB$/ }]);
  t.match(await told(128 * MiB), [{ outcome: 'ok', says: /may take 128 MiB; caches and queues are made smaller/ }]);
  t.match(await told(96 * MiB), [{ outcome: 'failed', mend: /^Grant it 128 MiB at least/ }]);
});
