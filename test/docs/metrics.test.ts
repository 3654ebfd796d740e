/** `/metrics` of a daemon that does everything it can, as Prometheus' own linter and our dashboard see it. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { find, needs } from '../clients/programs.ts';
import { ScriptedUpstream, answer } from '../sinks/scripted-upstream.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const dashboard = fileURLToPath(new URL('../../docs/deploy/grafana-dashboard.json', import.meta.url));

/** A line of each format that `auto` finds, by the name of its file. */
const lines: Readonly<Record<string, string>> = {
  json: '{"time":"2026-11-24T03:00:00Z","level":"error","msg":"no"}',
  logfmt: 'time=2026-11-24T03:00:00Z level=info msg="yes" count=1',
  access_log: '10.0.0.1 - - [24/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"',
  nginx_error: '2026/11/24 03:00:00 [error] 1#1: *1 open() failed (2: No such file), client: 10.0.0.1',
  apache_error: '[Tue Nov 24 03:00:00.000000 2026] [core:error] [pid 1] AH00037: no',
  klog: 'E1124 03:00:00.000000       1 main.go:1] no',
  logcat: '11-24 03:00:00.000  1  1 E tag: no',
  plain: '2026-11-24 03:00:00 ERROR no',
};

void test(
  'every input, format, sink, task and question has its metrics; promtool finds nothing to object to; the dashboard has what it shows',
  { ...needs('promtool'), timeout: 180_000 },
  async (t) => {
    const directory = await tempDir(t);
    const logs = join(directory, 'logs');
    await mkdir(logs);
    for (const [name, line] of Object.entries(lines))
      await writeFile(join(logs, `${name}.log`), `${line}\n`.repeat(20));
    await writeFile(join(logs, 'wrong.txt'), 'this is no JSON\n');
    const upstream = await ScriptedUpstream.listen(t);
    const refusing = await ScriptedUpstream.listen(t);
    refusing.always(answer(503));
    const inputs = [
      { type: 'file', name: 'files', include: [join(logs, '*.log'), join(logs, 'gone/*.log')] },
      { type: 'file', name: 'json', include: [join(logs, 'wrong.txt')], format: 'json' },
      { type: 'syslog', name: 'udp', listen: 'udp://127.0.0.1:0' },
      { type: 'syslog', name: 'tcp', listen: 'tcp://127.0.0.1:0' },
    ];
    const { client, url, token } = await startDaemon(t, join(directory, 'data'), inputs, {
      transforms: [{ type: 'drop', when: { message: 'yes' } }],
      sinks: [
        { type: 'http', name: 'up', url: upstream.url },
        { type: 'http', name: 'down', url: refusing.url },
      ],
      tasks: {
        backup: { dir: join(directory, 'backup') },
        archive: { dir: join(directory, 'archive'), after: '1h' },
        prune: { max_age: '365d' },
      },
    });
    const ports = (await client.inputs()).inputs
      .flatMap(({ describes }) => /:(\d+)$/.exec(describes)?.[1] ?? [])
      .map(Number);
    const udp = createSocket('udp4');
    for (let count = 0; count < 5; count++) udp.send('<11>shop: by datagram', ports[0], '127.0.0.1');
    const tcp = connect(ports[1] ?? 0, '127.0.0.1');
    tcp.end('<11>shop: by stream\n');
    await once(tcp, 'close');
    await fetch(`${url}/api/v1/logs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: '{"message":"posted"}',
    });
    for (const message of ['datagram', 'stream', 'posted', 'JSON']) {
      while ((await client.logs({ q: message })).rows.length === 0) await delay(20);
    }
    udp.close();
    for (const task of ['rotate', 'backup', 'verify', 'prune', 'archive']) await client.runTask(task);
    await client.hits({});
    while (upstream.received.length === 0 || refusing.received.length === 0) await delay(20);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    const linted = spawnSync(find('promtool') ?? '', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
    t.strictSame([linted.status, linted.stdout, linted.stderr], [0, '', '']);
    const has = (name: string, labels: string): void =>
      void t.match(metrics, new RegExp(`^regression_${name}\\{[^}]*${labels}[^}]*\\} [1-9]`, 'm'), `${name} ${labels}`);
    for (const input of ['files', 'json', 'udp', 'tcp']) has('input_lines_total', `input="${input}"`);
    for (const format of [...Object.keys(lines), 'syslog']) has('parsed_records_total', `format="${format}"`);
    has('parse_failures_total', 'format="json"');
    has('transform_dropped_total', 'transform=');
    for (const part of ['store', 'inputs', 'sinks', 'history']) has('part_ready', `part="${part}"`);
    has('sink_records_total', 'sink="up"');
    has('sink_failures_total', 'sink="down"');
    for (const task of ['rotate', 'backup', 'verify', 'prune', 'archive']) has('task_last_ok', `task="${task}"`);
    for (const route of ['logs', 'hits', 'inputs']) has('query_seconds_count', `route="/api/v1/${route}"`);
    has('build_info', 'version="0.0.0"');
    // What only trouble makes is left out: errors, losses.
    const shown = new Set(readFileSync(dashboard, 'utf8').match(/\b(?:regression|process)_[a-z_]+/g));
    const absent = [...shown].filter((name) => !metrics.includes(`\n${name}{`) && !metrics.includes(`\n${name} `));
    t.strictSame(absent.toSorted(), [
      'regression_input_dropped_total',
      'regression_input_errors_total',
      'regression_input_gaps_total',
      'regression_input_truncated_lines_total',
      'regression_store_errors_total',
    ]);
  },
);
